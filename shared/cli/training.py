"""What `run` and `compare` have in common: plan, train with progress, report failures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from shared.cli.console import data_progress, print_error, training_progress
from shared.harness.comparison import OnProgress, Outcome, Request, plan, run_jobs
from shared.harness.event_files import event_files, require_installed
from shared.harness.records import Job
from shared.harness.run_folder import Run, read, require_writable


def train(
    request: Request, parent: Path, name_folder: Callable[[str, int], Path], tensorboard: Path | None = None
) -> tuple[Outcome, list[Run]]:
    """Check everything, train, print failures; return the outcome and the finished runs.

    Folders made for results are removed again if no run finished. With `tensorboard`, event files go to that folder.
    """
    if tensorboard:
        require_installed()
    with data_progress() as show_data:
        jobs = plan(request, name_folder, show_data)
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    require_writable(parent)
    try:
        with _listeners(tensorboard) as show:
            outcome = run_jobs(jobs, show)
    finally:
        _remove_empty(made)
    for failure in outcome.failures:
        print_error(failure.message)
    return outcome, [read(folder) for folder in outcome.folders]


@contextmanager
def _listeners(tensorboard: Path | None) -> Iterator[OnProgress]:
    """Yield one listener that shows progress and, if asked, logs it."""
    with ExitStack() as stack:
        heard = [stack.enter_context(training_progress())]
        if tensorboard:
            heard.append(stack.enter_context(event_files(tensorboard)))

        def hear(job: Job, figures: Mapping[str, Any]) -> None:
            for listen in heard:
                listen(job, figures)

        yield hear


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, innermost first, as far as they are empty."""
    for folder in folders:
        if any(folder.iterdir()):
            return
        folder.rmdir()


def exit_code(outcome: Outcome) -> int:
    """Return 1 if a track failed, else 0."""
    return 1 if outcome.failures else 0
