"""Who does the runs of a command: this machine, or nodes that an engine schedules, watched over from here."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twotrack.shared.engines.engine import Engine
from twotrack.shared.engines.splitting import split
from twotrack.shared.engines.standing import Standing, State
from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import OnJob, TrackFailure, TrainingOutcome, run_jobs
from twotrack.shared.runs.plans import Todo
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import remove_partial, unwritable
from twotrack.shared.runs.software import software
from twotrack.shared.runs.units import FOLDER, Unit, UnitFile, tidy, unit_file
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

OnStandings = Callable[[Sequence[Standing]], None]
"""Called with how all units stand."""
_LOOK_SECONDS = 0.5
_END_SECONDS = 30.0
"""In which a cancelled job must let go of its unit."""
_HELD_SECONDS = 600.0
"""In which the storage must notice that whoever held a unit is gone with its node."""
_SEEN_SECONDS = 10.0
"""In which what a node wrote must be seen here: file systems of several machines keep what they know for a while."""


class Launcher(Protocol):
    """Does the runs of a command."""

    @property
    def threads(self) -> int | None:
        """Of an operation; None for one per core."""

    @property
    def side_by_side(self) -> bool:
        """Whether it does several tracks and comparisons at a time."""

    @property
    def adopts(self) -> bool:
        """Whether it leaves jobs to nodes that are at work on them."""

    def check(self) -> None:
        """Raise UserError unless it could do runs now; nothing is started."""

    def run(self, todo: Todo, on_job: OnJob, pool: WorkerPool | None = None) -> TrainingOutcome:
        """Do the jobs, and tell how far they are. Raises as `run_jobs` does."""


@dataclass(frozen=True)
class Here:
    """This machine: one worker process per track, one track after the other."""

    threads: int | None = None
    side_by_side = False
    adopts = False

    def check(self) -> None:
        """There is nothing to check."""

    def run(self, todo: Todo, on_job: OnJob, pool: WorkerPool | None = None) -> TrainingOutcome:
        """Do the jobs with `run_jobs`."""
        return run_jobs(todo.jobs, on_job, todo.inherited, pool, self.threads)


HERE = Here()


@dataclass(frozen=True)
class OnNodes:
    """Nodes of a cluster, which an engine schedules."""

    engine: Engine
    threads: int
    retries: int
    """Times that a unit which failed is tried again."""
    seeds_per_job: int | None
    """None: so that all nodes have work."""
    showing: Callable[[], AbstractContextManager[OnStandings]]
    """Within it how the units stand is shown."""
    say: Callable[[str], None]
    """Told what is left of a command that is interrupted."""
    side_by_side = True
    adopts = True

    def check(self) -> None:
        """Raise UserError unless the cluster answers."""
        self.engine.check()

    def run(self, todo: Todo, on_job: OnJob, pool: WorkerPool | None = None) -> TrainingOutcome:
        """Do the jobs on nodes. Of one that fails in every try, the failure names its node and its log."""
        with self.showing() as on_standings:
            return _Command(self, todo, on_job, on_standings).run()


class _Command:
    """One command's units, from their submission to their end."""

    def __init__(self, nodes: OnNodes, todo: Todo, on_job: OnJob, on_standings: OnStandings):
        self._nodes, self._engine, self._todo = nodes, nodes.engine, todo
        self._on_job, self._on_standings = on_job, on_standings
        self._submission = f"twotrack-{secrets.token_hex(4)}"
        # What is adopted is no job of this command: only its lock says that it is over.
        adopted = [Standing(file, file.jobs(), tries=1, ended="its command is gone") for file in todo.left.at_work]
        theirs = {job.folder for one in adopted for job in one.jobs}
        self._new = [job for job in todo.jobs if job.folder not in theirs]
        self._standings = adopted
        self._comparisons = list(dict.fromkeys(job.folder.parent for job in [*todo.jobs, *todo.left.jobs()]))

    def run(self) -> TrainingOutcome:
        """Do all that is to be done."""
        if not self._comparisons:
            return TrainingOutcome([], {})
        try:
            self._engine.cancel(self._todo.left.submissions, waiting=True)  # their units were taken back
            if self._new:
                if not self._standings:  # else a node holds a unit of this folder, which is seen here
                    self._require_shared()
                self._give_out()
            self._watch()
        except BaseException:  # Ctrl-C too: nobody would fetch what goes on elsewhere
            self._cancel()
            raise
        finally:
            self._tidy()
        outcome = TrainingOutcome([folder for one in self._standings for folder in one.done], {})
        for one in self._standings:
            if one.state is State.FAILED:
                failure = TrackFailure(one.jobs[0].track, one.failure)
                outcome.failed.setdefault(one.file.comparison, []).append(failure)
        return outcome

    @property
    def _folder(self) -> Path:
        """Where the engine's own files go: to the comparison, or to the sweep around several."""
        first, *others = self._comparisons
        return (first.parent if others else first) / FOLDER

    def _open(self) -> list[Standing]:
        return [one for one in self._standings if one.is_open]

    # === Before the first job ===

    def _require_shared(self) -> None:
        """Let a node look for a file that is locked here; UserError if it sees neither file nor lock."""
        file = unit_file(self._comparisons[0], f"{self._submission}-probe")
        self._write(file, [])
        probe = Standing(file, [])
        with file.held():
            self._submit([probe])
            self._wait_for(probe)
        file.take_back()
        if not probe.seen:
            raise self._unshared(f"a node does not see it ({probe.ended})")
        if not probe.sees_lock:
            raise self._unshared(f"{probe.node} does not see its locks")

    def _wait_for(self, probe: Standing) -> None:
        """Wait until its job has ended and what it told is there, which file systems show a moment later."""
        while probe.ended is None:
            time.sleep(self._engine.poll_seconds)
            probe.ended = self._engine.ended().get(probe.file.path)
        deadline = time.monotonic() + _SEEN_SECONDS
        while not probe.seen and time.monotonic() < deadline:
            probe.hear(self._on_job)
            time.sleep(_LOOK_SECONDS)

    def _unshared(self, found: str) -> UserError:
        return UserError(
            f"--engine {self._engine.title.lower()}: expected that all nodes see '{self._comparisons[0]}' and its "
            f"locks, found that {found}; choose a folder on shared storage with --out. No run was submitted."
        )

    def _give_out(self) -> None:
        for number, jobs in enumerate(split(self._new, self._engine.width(), self._nodes.seeds_per_job)):
            name = f"{TRACKS[jobs[0].track].slug}-{self._submission}-{number:04d}"
            file = unit_file(jobs[0].folder.parent, name)
            self._write(file, jobs)
            self._standings.append(Standing(file, jobs))
        self._submit([one for one in self._standings if not one.tries])

    def _write(self, file: UnitFile, jobs: list[Job]) -> None:
        unit = Unit(submission=self._submission, software=software(), threads=self._nodes.threads, jobs=jobs)
        try:
            file.write(unit)
        except OSError as error:
            raise unwritable(file.comparison, error) from error

    def _submit(self, standings: Sequence[Standing]) -> None:
        if standings:
            self._engine.submit([one.file.path for one in standings], self._submission, self._folder)
        for one in standings:
            one.state, one.ended, one.tries = State.WAITING, None, one.tries + 1

    # === While they run ===

    def _watch(self) -> None:
        by_path, looked = {one.file.path: one for one in self._standings}, 0.0
        while unfinished := self._open():
            self._hear(unfinished)
            if time.monotonic() - looked >= self._engine.poll_seconds:
                for path, how in self._engine.ended().items():
                    by_path[path].ended, by_path[path].ended_at = how, time.monotonic()
                self._settle([one for one in unfinished if one.ended is not None and self._is_free(one)])
                looked = time.monotonic()
            self._on_standings(self._standings)
            time.sleep(_LOOK_SECONDS)

    def _hear(self, standings: Sequence[Standing]) -> None:
        """Take in what nodes have told. Listing a folder lets file systems look again for what is new in it."""
        there = {name for comparison in self._comparisons for name in _names(comparison / FOLDER)}
        for one in standings:
            if one.tells_in in there:
                one.hear(self._on_job)

    def _is_free(self, one: Standing) -> bool:
        """Tell whether nobody is at work on a unit whose job is over; it fails if that is said for too long."""
        if not one.file.is_held():
            return True
        if one.ended_at and time.monotonic() - one.ended_at > _HELD_SECONDS:
            one.state, one.message = State.FAILED, f"{one.ended}, but something on {one.node} still holds its file"
        return False

    def _settle(self, over: Sequence[Standing]) -> None:
        """Finish units whose jobs are over, or give them out once more."""
        for comparison in {one.file.comparison for one in over}:
            _names(comparison)
        self._hear(over)
        for one in over:
            if len(one.done) == len(one.jobs):
                one.state = State.FINISHED
            elif one.refused or one.tries > self._nodes.retries:
                one.state = State.FAILED
            if not one.is_open:
                _take_back(one)
        self._submit([one for one in over if one.is_open])

    # === At the end ===

    def _cancel(self) -> None:
        """Cancel what is not over, take its units back, and say of which that could not be done."""
        left = self._open()
        with suppress(UserError):  # what is left is named in any case
            self._engine.cancel({self._submission, *self._todo.left.submissions})
        deadline = time.monotonic() + _END_SECONDS
        while (left := [one for one in left if not _take_back(one)]) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        for one in left:
            self._nodes.say(f"could not cancel: {one.title}, at work on {one.node}; it ends when it is finished")

    def _tidy(self) -> None:
        """Remove the units' files, but for those that are still needed: of failures, and of what is at work."""
        kept = [one.file for one in self._standings if one.state is State.FAILED or one.file.path.exists()]
        for comparison in self._comparisons:
            tidy(comparison, kept)
        for name in () if kept else (self._submission, *self._todo.left.submissions):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        with suppress(OSError):
            self._folder.rmdir()


def _take_back(standing: Standing) -> bool:
    """Take a unit back, with what was begun of its runs; tell whether nobody is at work on it."""
    if not standing.file.take_back():
        return False
    for job in standing.jobs:
        remove_partial(job.folder)
    return True


def _names(folder: Path) -> list[str]:
    """List a folder."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
