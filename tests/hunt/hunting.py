"""Climbs the ladder with generated pairs and tells which wrong ones passed and which honest ones were refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from tests.hunt import honest, wrong
from tests.hunt.family import Family, PairFamilies
from tests.support import resources
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
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
    """passed, excepted, warned (the exception names the place that differs), failed, or error."""
    reason: str
    seconds: float
    """Of the climb on all tracks."""

    @property
    def missed(self) -> bool:
        """A wrong pair that passed without a word of what differs, an honest one that failed."""
        return self.verdict not in (("failed", "warned") if self.quarry.wrong else ("passed", "warned", "excepted"))


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
    """Return `count` different pairs, every family in turn; of some `kinds` (or families) only, maybe fewer.

    Those of another seed are different again.
    """
    honest_count = count * HONEST_OF_TEN // 10
    wrong_ones = islice(_different(WRONG, seed, kinds, True), count - honest_count)
    return [*wrong_ones, *islice(_different(HONEST, seed, kinds, False), honest_count)]


def _different(families: PairFamilies, seed: int, kinds: Sequence[str], is_wrong: bool) -> Iterator[Quarry]:
    """Yield pairs of every family in turn; a family whose parameters come again is passed over."""
    chosen = [family for family in families if not kinds or family.kind in kinds or family.name in kinds]
    seen: set[tuple[str, str]] = set()
    for number in range(seed * 1000, (seed + 1) * 1000):
        for family in chosen:
            key = family.name, family.parameters(number)
            if key not in seen:
                seen.add(key)
                yield Quarry(family, number, is_wrong)


LATE = "step number"
"""The kind of pair that takes all steps of the optimizer alone, also of a ladder that takes fewer."""


def hunt(quarries: Sequence[Quarry], tracks: Sequence[str], pool: WorkerPool) -> Iterator[Outcome]:
    """Climb with one pair after the other; yield what every track says of each."""
    with Ladder(tracks, pool) as ladder:
        for quarry in quarries:
            outcomes = climb(quarry, tracks, ladder)
            yield from outcomes
            if resources.held_memory() > KEPT_BYTES or any(one.verdict == "error" for one in outcomes):
                pool.end()


def climb(quarry: Quarry, tracks: Sequence[str], ladder: Ladder) -> list[Outcome]:
    """Return what every track says of one pair. An error counts for all of them."""
    start = perf_counter()
    try:
        all_steps = {"optimizer_steps": 2000} if quarry.family.kind == LATE else {}
        request = VerifyRequest(name=quarry.reference, causes="none", precisions=FOR_THE_VERDICT, **all_steps)
        results = ladder.climb(request, lambda *_: None, tracks)
    except (UserError, WorkerDiedError) as error:
        return [Outcome(quarry, track, "error", _line(error), perf_counter() - start) for track in tracks]
    seconds = perf_counter() - start
    return [_outcome(quarry, one, seconds) for one in results]


def _line(error: Exception) -> str:
    return next(reversed([line for line in str(error).splitlines() if line.strip()]), type(error).__name__)


def _outcome(quarry: Quarry, result: TrackResult, seconds: float) -> Outcome:
    failed = [f"{rung.rung}: {rung.detail}" for rung in result.rungs if not rung.passed]
    if failed:
        return Outcome(quarry, result.track, "failed", failed[0], seconds)
    gaps = result.certificate.gaps
    places = quarry.family.case(quarry.number).places
    warned = any(place in gap.where or f"'{place}'" in gap.detail for place in places for gap in gaps)
    verdict = ("warned" if warned else "excepted") if gaps else "passed"
    return Outcome(quarry, result.track, verdict, "; ".join(f"{gap.where}: {gap.detail}" for gap in gaps), seconds)
