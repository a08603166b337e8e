"""Who is compared with whom: asked of the pair itself, which only a worker can import."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import MIXED, Builds
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.user_pair import NamedPair, PairOfFunctions
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task


class Described(FrozenRecord):
    """What a pair says of itself that decides who is compared with whom, and on what."""

    builds: Builds
    weights: dict[str, Path] = Field(default_factory=dict)
    """As Pair.files."""
    has_inputs: bool = False


@task
def describe(pair: NamedPair) -> Described:
    """Import a pair, and describe it."""
    found = pair.load()
    return Described(builds=found.builds, weights=found.files, has_inputs=found.inputs is not None)


def described(request: VerifyRequest, tracks: Sequence[str] | None, pool: WorkerPool) -> Described:
    """Return what the pair of a located request says of itself; one that is named is imported in a worker."""
    if isinstance(request.pair, PairOfFunctions):
        pair = request.pair
        return Described(builds=pair.builds, weights=pair.weights, has_inputs=pair.inputs is not None)
    if request.pair is None:
        return Described(builds=MIXED)
    return pool.call(_any_track(tracks, request.reference), describe, request.pair)


def _any_track(tracks: Sequence[str] | None, reference: str | None) -> str:
    """Return a track that is installed: a pair's module may import its framework."""
    asked = [*([reference] if reference else []), *(TRACKS if tracks is None else tracks)]
    found = next((name for name in asked if not TRACKS[name].missing), None)
    if found is None:
        raise UserError("no track is installed here; run: twotrack doctor")
    return found
