"""The plan of a comparison, on disk from its start, so that one that was killed can be continued.

Whoever works on a comparison holds a lock on its plan. The workers inherit the lock, so it is free only when the last
of them has ended, and then whatever unfinished run is left belongs to nobody.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from pydantic import Field, ValidationError

from twotrack.shared import __version__
from twotrack.shared.base import atomic, ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.runs.comparison import TrainingRequest
from twotrack.shared.runs.records import SCHEMA_VERSION, Job
from twotrack.shared.runs.run_folder import RECORD, read, remove_partial, unwritable
from twotrack.shared.runs.software import code
from twotrack.shared.runs.units import Left, take_back_all
from twotrack.shared.workers.environment import environment

PLAN = "plan.json"
_LOCK_SECONDS = 10.0
"""The workers of a killed command end within 5 s."""
_NEVER_THE_SAME = ("memory_bytes", "platform", "node", "threads")
_OF_PLACE = ("command", "folder")
"""Of a job: where, not what."""


class Plan(FrozenRecord):
    """plan.json of a comparison's folder."""

    schema_version: int
    """Of the run records that it leads to."""
    twotrack: str
    code: str
    """SHA-256 of the source files of twotrack, which a version number in development does not tell apart."""
    environment: dict[str, Any]
    request: TrainingRequest
    """What the user asked for."""
    jobs: list[Job]
    finished: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the record of every run that was there when a command on the comparison ended, by its folder."""


@dataclass(frozen=True)
class Todo:
    """The work that a comparison still needs."""

    jobs: list[Job]
    """Those without a finished run."""
    inherited: tuple[int, ...] = ()
    """Descriptors that the workers keep open: the plan's, so that they hold its lock."""
    left: Left = field(default_factory=Left)
    """Units of an earlier command: nodes may be at work on some of the jobs."""


def together(todos: Sequence[Todo], *inherited: int) -> Todo:
    """Return the work of several comparisons as one; workers keep these descriptors too."""
    return Todo(
        [job for todo in todos for job in todo.jobs],
        (*inherited, *(one for todo in todos for one in todo.inherited)),
        Left(
            tuple(file for todo in todos for file in todo.left.at_work),
            frozenset(name for todo in todos for name in todo.left.submissions),
        ),
    )


@contextmanager
def begin(jobs: Sequence[Job], request: TrainingRequest) -> Iterator[Todo]:
    """Write the plan of a new comparison beside its run folders and hold its lock.

    A comparison that ends without any finished run leaves no plan: there is nothing to continue.
    """
    file = jobs[0].folder.parent / PLAN
    plan = Plan(
        schema_version=SCHEMA_VERSION,
        twotrack=__version__,
        code=code(),
        environment=environment(),
        request=absolute(request),
        jobs=list(jobs),
    )
    with locked_from_start(file, plan) as stream:
        try:
            yield Todo(list(jobs), (stream.fileno(),))
        finally:
            if any(job.folder.exists() for job in jobs):
                _note_finished(file, plan, jobs)
            else:
                file.unlink(missing_ok=True)


def stored_request(folder: Path) -> TrainingRequest:
    """Return what the comparison in `folder` was asked for; UserError if it has no plan."""
    return _read(folder / PLAN).request


def planned_folders(folder: Path) -> list[Path]:
    """Return where the runs of the comparison in `folder` are, or would be; UserError without a plan."""
    return [folder / job.folder.name for job in _read(folder / PLAN).jobs]


def missing(folder: Path) -> tuple[int, int]:
    """Return how many of the comparison's runs are missing, and how many were planned; UserError without a plan."""
    planned = planned_folders(folder)
    return sum(not run.exists() for run in planned), len(planned)


@contextmanager
def resume(jobs: Sequence[Job], on_damage: Callable[[str], None], adopts: bool = False) -> Iterator[Todo]:
    """Hold the lock of a comparison that was interrupted, and clear away what its unfinished runs left.

    `jobs` are those of its stored request, planned now. A run whose files are damaged, as after a loss of power, is
    moved to a hidden name, of which `on_damage` is told, and is done again. With `adopts`, jobs that nodes are at work
    on are left to them. Raises UserError if the jobs would not do what the plan says, or if somebody is at work on the
    comparison.
    """
    folder = jobs[0].folder.parent
    with locked(folder / PLAN) as stream:
        plan = _read(folder / PLAN)
        _require_same(plan, jobs, folder)
        left = take_back_all(folder)
        if left.at_work and not adopts:
            raise _at_work(folder, f"nodes of a cluster hold {len(left.at_work)} units of it")
        both = zip(plan.jobs, jobs, strict=True)
        missing = [_here(planned, job) for planned, job in both if not _is_done(job, plan, on_damage)]
        _clear(folder, missing, left)
        try:
            yield Todo(missing, (stream.fileno(),), left)
        finally:
            _note_finished(folder / PLAN, plan, jobs)


def _clear(folder: Path, missing: Sequence[Job], left: Left) -> None:
    """Remove what unfinished runs left, but for those that nodes are at work on."""
    kept = {job.folder for job in left.jobs()}
    for job in missing:
        if job.folder not in kept:
            remove_partial(job.folder)
    if not kept:
        atomic.remove_abandoned(folder)


def require_recorded(run: Path) -> None:
    """Raise UserError if a run folder of a comparison holds another run than the one that its plan tells of."""
    file = run.parent / PLAN
    if file.exists():
        _require_noted(run, _read(file))


def _require_noted(run: Path, plan: Plan) -> None:
    noted = plan.finished.get(run.name)
    if noted and noted != sha256_of(run / RECORD):
        raise UserError(
            f"'{run / RECORD}' was changed after the comparison, or is of another run: expected the SHA-256 that "
            f"{PLAN} beside it has."
        )


def _note_finished(file: Path, plan: Plan, jobs: Sequence[Job]) -> None:
    """Write down which runs there are now. The plan is a new file then, which whoever waits for its lock looks for."""
    finished = {job.folder.name: sha256_of(job.folder / RECORD) for job in jobs if (job.folder / RECORD).is_file()}
    if finished != plan.finished:
        try:
            atomic.write(file, plan.model_copy(update={"finished": finished}).model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise unwritable(file.parent, error) from error


def _here(planned: Job, job: Job) -> Job:
    """Return the planned job, with the command that began the comparison, for where folder and data are now."""
    return planned.model_copy(update={"folder": job.folder, "source": job.source})


def require_same_request(request: TrainingRequest, folder: Path, names: Sequence[str]) -> TrainingRequest:
    """Return what the comparison in `folder` was asked for; UserError if the named fields ask for something else."""
    stored, request = stored_request(folder), absolute(request)
    for name in names:
        then, now = getattr(stored, name), getattr(request, name)
        if then != now:
            raise UserError(
                f"--resume: the comparison '{folder}' was begun with {name} {_text(then)}, asked for is {_text(now)}; "
                "go on as it was begun, or start a new comparison."
            )
    return stored


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def absolute(request: TrainingRequest) -> TrainingRequest:
    """Return the request with absolute paths, for whoever continues it from another folder."""
    values = {one.name: getattr(request, one.name) for one in fields(request)}
    values |= {name: value.absolute() for name, value in values.items() if isinstance(value, Path)}
    return TrainingRequest(**values)


@contextmanager
def locked_from_start(file: Path, plan: FrozenRecord) -> Iterator[TextIO]:
    """Make the file of a plan appear, whole and locked; UserError if it cannot be written."""
    with ExitStack() as stack:
        try:
            with atomic.written(file) as draft:
                draft.write_text(plan.model_dump_json(indent=2) + "\n")
                stream = stack.enter_context(_opened(draft))
                _lock(stream, file.parent)
        except OSError as error:
            raise unwritable(file.parent, error) from error
        yield stream


def _opened(file: Path) -> TextIO:
    """Open a plan for a lock, which some file systems give to writers only."""
    try:
        return file.open("r+")
    except OSError as error:
        raise unwritable(file.parent, error) from error


@contextmanager
def locked(file: Path) -> Iterator[TextIO]:
    """Yield the open plan, locked, or what took its place meanwhile; UserError if somebody else holds it."""
    while True:
        with _opened(file) as stream:
            _lock(stream, file.parent)
            if file.exists() and os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                yield stream
                return


def _lock(stream: TextIO, folder: Path) -> None:
    """Lock an open plan, until it is closed here and in every worker; UserError if somebody else does not let go."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise _at_work(folder, "its lock is held") from error
        time.sleep(0.1)


def _at_work(folder: Path, how: str) -> UserError:
    return UserError(
        f"--resume: somebody is at work on the comparison '{folder}': expected its lock to be free, found that {how}; "
        "wait until that command has ended, or end it."
    )


def _read(file: Path) -> Plan:
    try:
        return Plan.model_validate_json(ordinary.text_of(file))
    except OSError as error:
        raise UserError(
            f"'{file.parent}' holds no comparison: it has no {PLAN}; name a folder that 'compare' has made."
        ) from error
    except (UnicodeDecodeError, ValidationError) as error:
        reason = first_error(error) if isinstance(error, ValidationError) else error
        raise UserError(
            f"'{file}' is no plan that twotrack {__version__} can read: {reason}; start a new comparison."
        ) from error


def _require_same(plan: Plan, jobs: Sequence[Job], folder: Path) -> None:
    """Require that the rest would be computed as the runs that are finished; UserError names what would not."""
    now = {"schema_version": SCHEMA_VERSION, "twotrack": __version__, "code": code(), **_flat(environment())}
    then = {"schema_version": plan.schema_version, "twotrack": plan.twotrack, "code": plan.code}
    _compare(then | _flat(plan.environment), now, folder)
    for planned, job in zip(plan.jobs, jobs, strict=True):
        _compare(_what(planned), _what(job), folder)


def _compare(then: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for name in [*then, *(now.keys() - then)]:
        if then.get(name) != now.get(name):
            raise UserError(
                f"--resume: the comparison '{folder}' was begun with {name} = {then.get(name)}, here and now it is "
                f"{now.get(name)}; go on as it was begun, or start a new comparison."
            )


def _flat(described: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same of an environment, packages by name."""
    kept = {name: value for name, value in described.items() if name not in (*_NEVER_THE_SAME, "packages")}
    return kept | {f"version of {name}": version for name, version in described["packages"].items()}


def _what(job: Job) -> dict[str, Any]:
    """Return what a job does, its data by content."""
    plain = job.model_dump(mode="json", exclude={*_OF_PLACE, "source"})
    return plain | {"source": job.source.name, "data": job.source.file.sha256}


def _is_done(job: Job, plan: Plan, on_damage: Callable[[str], None]) -> bool:
    """Tell whether the job's run is finished; one that cannot be read is set aside. UserError if it is another one."""
    if not job.folder.exists():
        return False
    try:
        done = read(job.folder).record.job
        _require_noted(job.folder, plan)
    except UserError as error:
        on_damage(f"{error} It is set aside as '{_set_aside(job.folder)}', and trained again.")
        return False
    if _what(done) != _what(job):
        raise UserError(
            f"--resume: '{job.folder}' is no run of this comparison; move it away and run the command again."
        )
    return True


def _set_aside(folder: Path) -> Path:
    """Give a damaged run a hidden name; nothing of it is deleted."""
    names = (f".{folder.name}.damaged{number or ''}" for number in count())
    aside = next(path for path in map(folder.with_name, names) if not path.exists())
    folder.rename(aside)
    return aside
