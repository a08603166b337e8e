"""Climbs the ladder with generated pairs and tells which wrong ones passed and which honest ones were refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.hunt import honest, wrong
from tests.hunt.family import Families, Family
from tests.support import resources
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

WRONG, HONEST = wrong.WRONG, honest.HONEST
HONEST_OF_TEN = 4
"""Of ten pairs, so many are honest."""
KEPT_BYTES = 3 * 2**30
"""What the workers may hold before they are ended: they keep what was compiled for earlier pairs."""


@dataclass(frozen=True)
class Quarry:
    """One pair to climb with."""

    family: Family
    number: int
    wrong: bool

    @property
    def name(self) -> str:
        """FAMILY_NUMBER."""
        return f"{self.family.name}_{self.number}"

    @property
    def reference(self) -> str:
        """As `twotrack verify` takes it."""
        return f"tests.hunt.{'wrong' if self.wrong else 'honest'}:{self.name}"


@dataclass(frozen=True)
class Outcome:
    """What the ladder said of one pair on one track."""

    quarry: Quarry
    track: str
    verdict: str
    """passed, failed, or error."""
    reason: str
    seconds: float
    """Of the climb on all tracks."""

    @property
    def missed(self) -> bool:
        """A wrong pair that did not fail, an honest one that did not pass."""
        return self.verdict != ("failed" if self.quarry.wrong else "passed")


def find(name: str) -> Quarry:
    """Return the pair of a name; UserError if there is none."""
    for families, is_wrong in ((WRONG, True), (HONEST, False)):
        try:
            family, number = families.find(name.rpartition(":")[2])
        except KeyError:
            continue
        return Quarry(family, number, is_wrong)
    raise UserError(f"expected FAMILY_NUMBER of a family of tests/hunt, found '{name}'.")


def choose(count: int, seed: int, kinds: Sequence[str] = ()) -> list[Quarry]:
    """Return `count` different pairs, every family in turn; those of another seed are different again."""
    sources = [_different(families, seed, kinds, is_wrong) for families, is_wrong in ((WRONG, True), (HONEST, False))]
    order = (sources[_is_honest(place)] for place in range(10**9))
    chosen: list[Quarry] = []
    for source in order:
        if len(chosen) == count or not any(sources):
            return chosen
        chosen += [quarry for quarry in [next(source, None)] if quarry]
    return chosen


def _is_honest(place: int) -> bool:
    return place * HONEST_OF_TEN % 10 < HONEST_OF_TEN


def _different(families: Families, seed: int, kinds: Sequence[str], is_wrong: bool) -> Iterator[Quarry]:
    """Yield pairs of every family in turn; a family whose parameters come again is passed over."""
    chosen = [family for family in families if not kinds or family.kind in kinds or family.name in kinds]
    seen: set[tuple[str, str]] = set()
    for number in range(seed * 1000, (seed + 1) * 1000):
        for family in chosen:
            key = family.name, family.parameters(number)
            if key not in seen:
                seen.add(key)
                yield Quarry(family, number, is_wrong)


def hunt(quarries: Sequence[Quarry], tracks: Sequence[str], pool: WorkerPool) -> Iterator[Outcome]:
    """Climb with one pair after the other; yield what every track says of each."""
    with Ladder(tracks, pool) as ladder:
        for quarry in quarries:
            yield from climb(quarry, tracks, ladder)
            if resources.held_memory() > KEPT_BYTES:
                pool.end()


def climb(quarry: Quarry, tracks: Sequence[str], ladder: Ladder) -> list[Outcome]:
    """Return what every track says of one pair. An error counts for all of them."""
    start = perf_counter()
    try:
        results = ladder.climb(VerifyRequest(name=quarry.reference), lambda *_: None, tracks)
    except (UserError, WorkerDiedError) as error:
        return [Outcome(quarry, track, "error", _line(error), perf_counter() - start) for track in tracks]
    seconds = perf_counter() - start
    return [Outcome(quarry, one.track, _verdict(one), _reason(one), seconds) for one in results]


def _line(error: Exception) -> str:
    return next(reversed([line for line in str(error).splitlines() if line.strip()]), type(error).__name__)


def _verdict(result: TrackResult) -> str:
    return "passed" if result.passed else "failed"


def _reason(result: TrackResult) -> str:
    failed = [rung for rung in result.rungs if not rung.passed]
    return f"{failed[0].rung}: {failed[0].detail}" if failed else ""
