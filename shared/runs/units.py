"""Units of work for the nodes of a cluster: the jobs of one process, in a file that gives the right to do them.

Whoever does a unit holds a lock on its file, and so do the workers that are started for it; whoever takes the work
back removes the file under the same lock. So a unit is never done twice at a time, whatever a queue still holds, and
one that was taken back is done by nobody, whenever the queue comes to it.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.software import Software

FOLDER = "jobs"
"""Of a comparison: its units, what they tell and their logs; it is gone when nothing of them is needed."""
_SUFFIX = ".unit.json"
_LOOK_SECONDS = 5.0
"""A look at whether a unit is held takes its lock for a moment."""


class Unit(FrozenRecord):
    """What one process on a node does."""

    submission: str
    """The name under which the engine has it."""
    software: Software
    """That the node must have."""
    threads: int | None
    """Of each operation; None for one per core."""
    jobs: list[Job]
    """Of one track. None: the node only tells that it sees this file and its lock."""


@dataclass(frozen=True)
class UnitFile:
    """A unit on the storage that all nodes see, with what it tells beside it."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name.removesuffix(_SUFFIX)

    @property
    def log(self) -> Path:
        """What its process, and the libraries in it, print."""
        return self.path.with_name(f"{self.name}.log")

    @property
    def progress(self) -> Path:
        """What it tells while it is at work."""
        return self.path.with_name(f"{self.name}.progress")

    def write(self, unit: Unit) -> None:
        """Give it its content, in one step; OSError if that cannot be."""
        self.path.parent.mkdir(exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(unit.model_dump_json())
        draft.replace(self.path)

    def read(self) -> Unit:
        """Return the unit; UserError if the file is none."""
        try:
            return Unit.model_validate_json(self.path.read_bytes())
        except ValidationError as error:
            raise UserError(f"'{self.path}' is no unit of work: {first_error(error)}.") from error

    @property
    def comparison(self) -> Path:
        """The folder of its comparison, wherever that is now."""
        return self.path.parent.parent

    def jobs(self) -> list[Job]:
        """Return its jobs, for where the comparison is now."""
        return [job.model_copy(update={"folder": self.comparison / job.folder.name}) for job in self.read().jobs]

    @contextmanager
    def held(self, seconds: float = _LOOK_SECONDS) -> Iterator[TextIO | None]:
        """Hold the unit, as the open file that is locked; None if somebody else does, or it was taken back."""
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(self.path.open("r+"))
            except FileNotFoundError:
                yield None
                return
            yield stream if _locked(stream, seconds) and self._is(stream) else None

    def _is(self, stream: TextIO) -> bool:
        return self.path.exists() and os.path.samestat(os.fstat(stream.fileno()), self.path.stat())

    def is_held(self) -> bool:
        """Tell whether somebody is at work on it."""
        with self.held(0) as stream:
            return stream is None and self.path.exists()

    def take_back(self) -> bool:
        """Remove the unit unless somebody is at work on it; tell whether it is gone."""
        with self.held(0) as stream:
            if stream is not None:
                self.path.unlink()
                self.progress.unlink(missing_ok=True)
        return not self.path.exists()


def _locked(stream: TextIO, seconds: float) -> bool:
    """Lock an open file; False if somebody else has it for longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(0.1)


def unit_file(folder: Path, name: str) -> UnitFile:
    """Return the file of a unit of the comparison in `folder`."""
    return UnitFile(folder / FOLDER / f"{name}{_SUFFIX}")


def units_in(folder: Path) -> list[UnitFile]:
    """Return the units that the comparison in `folder` has."""
    return [UnitFile(path) for path in sorted((folder / FOLDER).glob(f"*{_SUFFIX}"))]


@dataclass(frozen=True)
class Left:
    """Units of a command that is gone."""

    at_work: tuple[UnitFile, ...] = ()
    """Nodes do these; they tell on."""
    submissions: frozenset[str] = frozenset()
    """Under which names engines had them, and those that were taken back."""

    def jobs(self) -> list[Job]:
        """Return the jobs that nodes are at work on."""
        return [job for file in self.at_work for job in file.jobs()]


def take_back_all(folder: Path) -> Left:
    """Take back whatever of the comparison in `folder` nobody is at work on; return what is left."""
    files = units_in(folder)
    submissions = frozenset(file.read().submission for file in files)
    return Left(tuple(file for file in files if not file.take_back()), submissions)


def tidy(folder: Path, kept: Sequence[UnitFile]) -> None:
    """Remove what units of the comparison in `folder` left, but for some."""
    names = {one.name for one in kept}
    with suppress(OSError):
        for path in (folder / FOLDER).iterdir():
            if path.is_file() and path.name.partition(".")[0] not in names:
                path.unlink()
        (folder / FOLDER).rmdir()
