"""What the user sees while work goes on: progress bars on a terminal, plain lines elsewhere, errors on stderr."""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from twotrack.shared.cli import screen
from twotrack.shared.cli.foreign import ForeignConsole
from twotrack.shared.spec.tested_versions import UntestedVersionWarning

if TYPE_CHECKING:
    from pathlib import Path

    import rich.progress

    from twotrack.shared.export.check import Check
    from twotrack.shared.runs.comparison import OnJob
    from twotrack.shared.runs.records import Job
    from twotrack.shared.workers.messages import Progress
    from twotrack.shared.workers.processes import OnProgress

stderr = ForeignConsole(stderr=True, highlight=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Print an error on stderr."""
    stderr.print(f"error: {message}", markup=False)


def show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None) -> None:
    """Print a warning on stderr, one of twotrack's own without the line of code that it came from."""
    if issubclass(category, UntestedVersionWarning):
        stderr.print(f"warning: {message}", markup=False)
    else:
        stderr.print(warnings.formatwarning(message, category, filename, lineno, line), markup=False, end="")


def print_json(content: object) -> None:
    """Print one JSON document on stdout; null stands for numbers that are not finite, which JSON does not have."""
    print(json.dumps(_strict(content), indent=2, allow_nan=False))


def _strict(content: object) -> object:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _strict(value) for key, value in content.items()}
    return [_strict(value) for value in content] if isinstance(content, list | tuple) else content


def print_checks(title: str, checks: "Sequence[Check]") -> None:
    """Print what was checked, a line each; long details wrap."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("check", "", ""):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row(check.name, check.state, check.detail)
    screen.console().print(table)


@contextmanager
def training_progress() -> Iterator["OnJob"]:
    """Yield a listener for `run_jobs` that shows every job's progress on stderr."""
    if not stderr.is_terminal:
        yield _plain_line
        return
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description:<24}"),
        rich.BarColumn(),
        rich.TaskProgressColumn(),
        rich.TextColumn("{task.fields[figures]}"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=stderr) as bars:
        yield Bars(bars).show


class Bars:
    """One rich progress bar per job."""

    def __init__(self, bars: "rich.progress.Progress"):
        self._shown = bars
        self._bars: dict[Path, rich.progress.TaskID] = {}

    def show(self, job: "Job", progress: "Progress") -> None:
        """Update the job's bar."""
        if job.folder not in self._bars:
            self._bars[job.folder] = self._shown.add_task(_title(job), total=None, figures="")
        bar, phase, figures = self._bars[job.folder], progress.phase, progress.figures
        if phase == "training":
            text = f"loss {figures['loss']:.4f}  {figures['examples_per_second']:,.0f} examples/s"
            self._shown.update(bar, completed=figures["step"], total=figures["steps"], figures=text)
        elif phase == "features":
            text = f"features {figures['done']:,} of {figures['of']:,}"
            self._shown.update(bar, figures=text)
        elif phase == "epoch":
            self._shown.update(bar, figures=_epoch_text(figures))
        elif phase not in {"validating", "finished"}:
            self._shown.update(bar, figures=phase)


def _plain_line(job: "Job", progress: "Progress") -> None:
    """Print a line at the start, the end and each epoch of a job."""
    phase, figures = progress.phase, progress.figures
    if phase == "epoch":
        stderr.print(f"{_title(job)}: epoch {figures['epoch']}/{math.ceil(job.epochs)}: {_epoch_text(figures)}")
    elif phase in {"started", "finished", "failed"}:
        stderr.print(f"{_title(job)}: {phase}")


def _title(job: "Job") -> str:
    from twotrack.shared.spec.profiles import describe  # imports the ledger, which `list` does not need

    title = f"{job.track} seed {job.seed}"
    return f"{title}, {describe(job.switched)}" if job.switched else title


def _epoch_text(figures: Mapping[str, Any]) -> str:
    return (
        f"loss {figures['train_loss']:.4f}, validation {figures['validation_metric']:.4f}, {figures['seconds']:.1f} s"
    )


@contextmanager
def data_progress() -> Iterator["OnProgress"]:
    """Yield a listener that shows on stderr how far the conversion of data is; it shows nothing if there is none."""
    seen: set[str] = set()
    with ExitStack() as stack:

        def show(progress: "Progress") -> None:
            phase, figures = progress.phase, progress.figures
            count = f" {figures['done']:,} of {figures['total']:,}" if "done" in figures else ""
            if stderr.is_terminal:
                if not seen:
                    stack.enter_context(status)
                status.update(phase + count)
            elif phase not in seen:
                stderr.print(phase)
            seen.add(phase)

        status = stderr.status("")
        yield show


@contextmanager
def track_phases() -> Iterator[Callable[[str, str], None]]:
    """Yield a listener for (track, phase) that shows on stderr what every track is doing.

    What a verification needs is told anywhere, and stays.
    """
    from twotrack.shared.base.sizes import NEED

    phases: dict[str, str] = {}
    with stderr.status("starting the workers...") as status:

        def show(track: str, phase: str) -> None:
            if phase.startswith(NEED):
                stderr.print(phase)
                return
            phases[track] = phase
            if stderr.is_terminal:
                status.update("   ".join(f"{name}: {now}" for name, now in phases.items()))

        yield show
