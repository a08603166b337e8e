"""What a side counts on ordinary inputs, and what it computed there."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.pieces.count import PieceCount
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify import evidence
from twotrack.shared.verify.observe import find_exercise
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Asked:
    """A located pair, the track of its side, and a new folder."""

    verify: VerifyRequest
    track: str
    folder: Path
    scale: float
    """By which inputs of numbers are multiplied."""


@with_config(WITH_ARRAYS)
@dataclass
class Seen:
    """What one side counted, and what its layers took and gave."""

    counts: list[PieceCount]
    layers: list[LayerTrace]
    inputs: dict[str, np.ndarray] = field(default_factory=dict)


@task
def count(asked: Asked) -> Path:
    """Return the folder with a `Seen`."""
    exercise = find_exercise(asked.verify, mixed(asked.track))
    side = ObservedSide(exercise, open_track(asked.track, "auto"), "float64", lambda _: None)
    kinds = {name: spec.kind for name, spec in side.exercise.pair.specs.items()}
    inputs = {
        name: array * asked.scale if kinds[name] == "real" else array for name, array in side.exercise.inputs().items()
    }
    layers, _ = side.probe.trace(inputs)
    return evidence.save(Seen(side.probe.pieces(inputs).counts, layers, inputs), asked.folder)
