"""Worker task: run the optimizer of one side of a pair alone, as the ladder does."""

from dataclasses import dataclass
from pathlib import Path

from tests.verify import optimizer_pairs
from twotrack.shared.verify.exercise import PairExercise
from twotrack.shared.verify.observe import ObservedSide
from twotrack.shared.verify.trace import Trace, save
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Alone:
    """A pair of tests/verify/optimizer_pairs.py, the track of its side, and a new folder for the trace."""

    pair: str
    track: str
    folder: Path


@task
def run_alone(asked: Alone) -> Path:
    """Return the folder of a trace."""
    exercise = PairExercise(optimizer_pairs.named(asked.pair))
    side, trace = ObservedSide(exercise, open_track(asked.track, "auto"), "float64", lambda _: None), Trace()
    side.run_optimizer(trace)
    return save(trace, asked.folder)
