"""The weights with which two sides are built, compared: a port's, and those of the model that it was made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import SideName, arrange
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.inspecting import inspecting
from twotrack.shared.verify.request import SideRequest, VerifyRequest
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.sides import described
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Report, task

LIMIT = 4 * 2.0**-24
"""Of a weight's largest value: carrying a weight moves numbers, and where two become one, float32 rounds their sum."""


@dataclass(frozen=True)
class OtherWeight:
    """A weight that two sides hold with different values."""

    track: str
    name: str
    difference: float
    """Relative to the largest of torch's values."""
    compared: int
    """How many weights were."""


@with_config(WITH_ARRAYS)
@dataclass
class OwnWeights:
    """All weights of one side as it was built, in canonical form."""

    weights: dict[str, np.ndarray]


@task
def own_weights(request: SideRequest, report: Report) -> Path:
    """Build a side and write the weights that it has then, in float32; return the folder."""
    track, exercise = open_track(request.side.track, "auto"), find_exercise(request.verify, request.side)
    try:
        with inspecting(request, report) as tell:
            tell("weights")
            return evidence.save(OwnWeights(track.build(exercise.pair, 0).weights()), request.folder)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def differing_weights(
    request: VerifyRequest, tracks: Sequence[str], pool: WorkerPool, folder: Path
) -> list[OtherWeight]:
    """Return the weights that the sides of a pair, which are one model, are built with differently; largest first.

    UserError where the weights of the sides have other names.
    """
    sides = arrange(described(request, tracks, pool).builds, tracks, request.reference)
    held = {side: _shown(request, side, pool, folder) for side in sides.all}
    found = [
        each for side in sides.candidates for each in _differing(sides.label(side), held[sides.reference], held[side])
    ]
    return sorted(found, key=lambda each: -each.difference)


def _shown(request: VerifyRequest, side: SideName, pool: WorkerPool, folder: Path) -> dict[str, np.ndarray]:
    asked = SideRequest(verify=request, side=side, folder=folder / side.slug)
    return evidence.load(OwnWeights, pool.call(side.track, own_weights, asked)).weights


def _differing(label: str, torch: dict[str, np.ndarray], keras: dict[str, np.ndarray]) -> list[OtherWeight]:
    if torch.keys() != keras.keys():
        alone = min(torch.keys() ^ keras.keys())
        raise UserError(
            f"own_weights: '{alone}' is on one side only; weights are compared by name: give rename= or a weight map."
        )
    differences = {name: relative(torch[name], keras[name]) for name in sorted(torch)}
    return [OtherWeight(label, name, size, len(torch)) for name, size in differences.items() if size > LIMIT]
