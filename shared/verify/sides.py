"""Who is compared with whom: asked of the pair itself, which only a worker can import."""

from collections.abc import Sequence

from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import MIXED, Builds, Sides, arrange
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.user_pair import NamedPair, PairOfFunctions
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task


@task
def builds(pair: NamedPair) -> Builds:
    """Import a pair; return the names of its build functions."""
    return pair.load().builds


def find_sides(request: VerifyRequest, tracks: Sequence[str] | None, pool: WorkerPool) -> Sides:
    """Return the sides of a located request on these tracks, None for every installed one; UserError as `arrange`."""
    return arrange(_builds(request, tracks, pool), tracks, request.reference)


def _builds(request: VerifyRequest, tracks: Sequence[str] | None, pool: WorkerPool) -> Builds:
    if isinstance(request.pair, PairOfFunctions):
        return request.pair.builds
    if request.pair is None:
        return MIXED
    return pool.call(_any_track(tracks, request.reference), builds, request.pair)


def _any_track(tracks: Sequence[str] | None, reference: str | None) -> str:
    """Return a track that is installed: a pair's module may import its framework."""
    asked = [*([reference] if reference else []), *(TRACKS if tracks is None else tracks)]
    found = next((name for name in asked if not TRACKS[name].missing), None)
    if found is None:
        raise UserError("no track is installed here; run: twotrack doctor")
    return found
