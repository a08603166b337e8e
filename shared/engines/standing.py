"""How a unit stands, as the coordinator knows it from what the node tells and from what the engine says."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from twotrack.shared.engines import telling
from twotrack.shared.engines.telling import Hearer, Told
from twotrack.shared.runs.comparison import OnJob, TrainingRequest
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.units import UnitFile
from twotrack.shared.spec.profiles import describe
from twotrack.shared.workers.messages import Progress


class State(StrEnum):
    """Of a unit."""

    WAITING = "waiting"
    AT_WORK = "at work"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass
class Standing:
    """A unit that was given out."""

    file: UnitFile
    jobs: list[Job]
    state: State = State.WAITING
    node: str = ""
    """That is, or was last, at work on it."""
    tries: int = 0
    ended: str | None = None
    """What the engine says of the end of its job; None while that is out."""
    ended_at: float | None = None
    """When that was heard of, by the monotonic clock; None for a unit that an earlier command gave out."""
    latest: str = ""
    """What it does, in short."""
    message: str = ""
    """Why it failed."""
    refused: bool = False
    """The user has to put something right: another try would end alike."""
    seen: bool = False
    """Of a probe: its node sees the file."""
    sees_lock: bool = False
    tells_in: str = field(init=False)
    """The name of the file in which its node tells."""
    _hearer: Hearer = field(init=False)
    _by_name: dict[str, Job] = field(init=False)

    def __post_init__(self) -> None:
        self.tells_in = self.file.progress.name
        self._hearer = Hearer(self.file.progress)
        self._by_name = {job.folder.name: job for job in self.jobs}

    @property
    def is_open(self) -> bool:
        """Whether something is still to come of it."""
        return self.state not in (State.FINISHED, State.FAILED)

    @cached_property
    def title(self) -> str:
        """What is trained, in a few words: of a sweep, also what is varied."""
        first = self.jobs[0]
        seeds = sorted({job.seed for job in self.jobs})
        numbers = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
        recipe = [] if first.recipe == TrainingRequest.recipe else [first.recipe]
        settings = [f"{name}={value}" for name, value in first.settings.items()]
        switched = dict.fromkeys(describe(job.switched) for job in self.jobs if job.switched)
        return ", ".join([f"{first.chapter} {first.track} {numbers}", *recipe, *settings, *switched])

    @property
    def done(self) -> list[Path]:
        """The run folders that are whole."""
        return [job.folder for job in self.jobs if job.folder.exists()]

    @property
    def failure(self) -> str:
        """Why it failed, where, and where its log is."""
        times = "once" if self.tries == 1 else f"{self.tries} times"
        where = f" on {self.node}" if self.node else ""
        return f"{self.title} failed {times}, at last{where}: {self.message or self.ended}\nlog: {self.file.log}"

    def hear(self, on_job: OnJob) -> None:
        """Take in what its node has told since."""
        for told in self._hearer.news():
            if told.run:
                job = self._by_name[told.run]
                self.latest = _short(told.progress)
                on_job(job, told.progress)
            else:
                self._take(told)

    def _take(self, told: Told) -> None:
        phase, figures = told.progress.phase, told.progress.figures
        self.node = figures.get("node", self.node)
        if phase == telling.AT_WORK:
            self.state, self.message = State.AT_WORK, ""
        elif phase == telling.SEEN:
            self.seen, self.sees_lock = True, figures["locked"]
        else:
            self.message, self.refused = figures["message"], phase == telling.REFUSED


def _short(progress: Progress) -> str:
    figures = progress.figures
    if progress.phase == "training":
        return f"step {figures['step']:,} of {figures['steps']:,}, loss {figures['loss']:.4f}"
    return f"epoch {figures['epoch']}" if progress.phase == "epoch" else progress.phase
