"""The weights with which two sides are built, compared: a port's, and those of the model that it was made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.errors import UserError
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.request import SideRequest, VerifyRequest
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.showing import REFERENCE, slug
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

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
def own_weights(request: SideRequest) -> Path:
    """Build a side and write the weights that it has then, in float32; return the folder."""
    track, exercise = open_track(request.track, "auto"), find_exercise(request.verify)
    try:
        return evidence.save(OwnWeights(track.build(exercise.pair, 0).weights()), request.folder)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def differing_weights(
    request: VerifyRequest, tracks: Sequence[str], pool: WorkerPool, folder: Path
) -> list[OtherWeight]:
    """Return the weights that the sides of a pair, which are one model, are built with differently; largest first."""
    held = {track: _shown(request, track, pool, folder) for track in (REFERENCE, *tracks)}
    found = [each for track in tracks for each in _differing(track, held[REFERENCE], held[track])]
    return sorted(found, key=lambda each: -each.difference)


def _shown(request: VerifyRequest, track: str, pool: WorkerPool, folder: Path) -> dict[str, np.ndarray]:
    asked = SideRequest(verify=request, track=track, folder=folder / slug(track))
    return evidence.load(OwnWeights, pool.call(track, own_weights, asked)).weights


def _differing(track: str, torch: dict[str, np.ndarray], keras: dict[str, np.ndarray]) -> list[OtherWeight]:
    common = sorted(torch.keys() & keras.keys())
    differences = {name: relative(torch[name], keras[name]) for name in common}
    return [OtherWeight(track, name, size, len(common)) for name, size in differences.items() if size > LIMIT]
