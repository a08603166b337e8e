"""What `run` and `compare` have in common: plan, train with progress, report failures."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from twotrack.shared.cli.console import data_progress, print_error, stderr, training_progress
from twotrack.shared.engines.launching import HERE, Launcher
from twotrack.shared.runs import plans, sweeps
from twotrack.shared.runs.comparison import (
    OnJob,
    TrainingOutcome,
    TrainingRequest,
    plan,
    run_name,
    timestamp,
)
from twotrack.shared.runs.event_files import event_files, require_installed
from twotrack.shared.runs.plans import Todo
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.reserving import reserving
from twotrack.shared.runs.run_folder import Run, read, require_writable
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool

Work = Callable[[Sequence[Job]], AbstractContextManager[Todo]]


@contextmanager
def _everything(jobs: Sequence[Job]) -> Iterator[Todo]:
    yield Todo(list(jobs))


def train(
    request: TrainingRequest,
    parent: Path,
    name_folder: Callable[[str, int], Path],
    tensorboard: Path | None = None,
    work: Work = _everything,
    pool: WorkerPool | None = None,
    launcher: Launcher = HERE,
) -> tuple[TrainingOutcome, list[Run]]:
    """Check everything, train what `work` finds to do, print failures; return the outcome and the finished runs.

    Folders made for results are removed again if no run finished. With `tensorboard`, event files go to that folder.
    """
    if tensorboard:
        require_installed()
    with data_progress() as show_data:
        jobs = plan(request, name_folder, show_data, pool)
    new_folders = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    require_writable(parent)
    try:
        with work(jobs) as todo, listeners(tensorboard, launcher) as show:
            outcome = launcher.run(todo, show, pool)
    finally:
        _remove_empty(new_folders)
    for failure in outcome.failures:
        print_error(failure.message)
    unfinished = {job.folder for job in todo.jobs} - set(outcome.folders)
    return outcome, [read(job.folder) for job in jobs if job.folder not in unfinished]


@contextmanager
def comparison_folder(out: Path, chapter: str, recipe: str, resumed: Path | None) -> Iterator[Path]:
    """Yield the folder of a new comparison, which goes if it stays empty, or of the one that is continued."""
    with reserving(out) as reserved:
        yield resumed or reserved.folder(f"compare_{chapter}_{recipe}_{timestamp()}")


def train_comparison(
    request: TrainingRequest,
    folder: Path,
    go_on: bool,
    launcher: Launcher,
    tensorboard: Path | None = None,
    pool: WorkerPool | None = None,
) -> tuple[TrainingOutcome, list[Run]]:
    """Train a comparison in `folder`, or what is missing of it; if that ends early, say how to go on."""
    resume = partial(plans.resume, on_damage=warn, adopts=launcher.adopts)
    work: Work = resume if go_on else partial(plans.begin, request=request)
    with saying_how_to_go_on("compare", folder):
        outcome, runs = train(
            request, folder, lambda track, seed: folder / run_name(track, seed), tensorboard, work, pool, launcher
        )
    if outcome.failures:
        say_how_to_go_on("compare", folder)
    elif not outcome.folders:
        stderr.print(f"nothing to train: all {len(runs)} runs of the comparison are finished")
    return outcome, runs


def warn(message: str) -> None:
    """Print a warning on stderr."""
    stderr.print(f"warning: {message}", markup=False)


@contextmanager
def saying_how_to_go_on(command: str, folder: Path) -> Iterator[None]:
    """Say, if the block is interrupted, how what it leaves is gone on with."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        say_how_to_go_on(command, folder)
        raise


def say_how_to_go_on(command: str, folder: Path) -> None:
    """Say how to train what is missing, if a plan tells of it."""
    if any((folder / name).is_file() for name in (plans.PLAN, sweeps.PLAN)):
        stderr.print(f"to train what is missing: twotrack {command} --resume {shlex.quote(str(folder))}")


@contextmanager
def listeners(tensorboard: Path | None, launcher: Launcher) -> Iterator[OnJob]:
    """Yield one listener that shows progress, unless the launcher does that, and, if asked, logs it."""
    with ExitStack() as stack:
        listeners = [] if launcher.side_by_side else [stack.enter_context(training_progress())]
        if tensorboard:
            listeners.append(stack.enter_context(event_files(tensorboard)))

        def hear(job: Job, progress: Progress) -> None:
            for listen in listeners:
                listen(job, progress)

        yield hear


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, innermost first, as far as they are empty."""
    with suppress(OSError):  # something is in one
        for folder in folders:
            folder.rmdir()


def exit_code(outcome: TrainingOutcome) -> int:
    """Return 1 if a track failed, else 0."""
    return 1 if outcome.failures else 0
