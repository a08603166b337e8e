"""Judges generated pairs in lower precisions: which wrong ones passed, or failed unnamed; which honest ones failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tests.hunt.family import Family, PairFamilies
from tests.precision import honest, wrong
from tests.precision.families import Case
from tests.support import resources
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

WRONG, HONEST = wrong.WRONG, honest.HONEST
KEPT_BYTES = 3 * 2**30
"""What the workers may hold before they are ended: they keep what was compiled for earlier pairs."""


@dataclass(frozen=True)
class Quarry:
    """One pair to judge."""

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
        return f"tests.precision.{'wrong' if self.wrong else 'honest'}:{self.name}"

    @property
    def case(self) -> Case:
        """The pair, and what it is judged in."""
        case = self.family.case(self.number)
        assert isinstance(case, Case)
        return case


@dataclass(frozen=True)
class Outcome:
    """What the rung said of one pair in one precision."""

    quarry: Quarry
    track: str
    arithmetic: str
    passed: bool
    is_named: bool
    """A failure says what it has to."""
    ratio: float
    """Error over bound, of both sides the larger."""
    detail: str
    gaps: tuple[str, ...] = ()

    @property
    def missed(self) -> bool:
        """A wrong pair that passed or was not named, an honest one that failed or was not run."""
        return not (not self.passed and self.is_named) if self.quarry.wrong else not self.passed


def find(name: str) -> Quarry:
    """Return the pair of a name; UserError if there is none."""
    for families, is_wrong in ((WRONG, True), (HONEST, False)):
        try:
            family, number = families.find(name.rpartition(":")[2])
        except KeyError:
            continue
        return Quarry(family, number, is_wrong)
    raise UserError(f"expected FAMILY_NUMBER of a family of tests/precision, found '{name}'.")


def choose(count: int, seed: int, kinds: Sequence[str] = ()) -> list[Quarry]:
    """Return `count` pairs, half of them wrong, every family in turn; those of another seed are others."""
    wrong_ones = islice(_in_turn(WRONG, seed, kinds, True), count // 2)
    return [*wrong_ones, *islice(_in_turn(HONEST, seed, kinds, False), count - count // 2)]


def _in_turn(families: PairFamilies, seed: int, kinds: Sequence[str], is_wrong: bool) -> Iterator[Quarry]:
    chosen = [family for family in families if not kinds or family.kind in kinds or family.name in kinds]
    for number in range(seed * 1000, (seed + 1) * 1000):
        for family in chosen:
            yield Quarry(family, number, is_wrong)


def hunt(quarries: Sequence[Quarry], tracks: Sequence[str], turns: bool, pool: WorkerPool) -> Iterator[Outcome]:
    """Judge one pair after the other on all tracks, or with `turns` on the next one; yield what is said of each."""
    with Ladder(tracks, pool) as ladder:
        for number, quarry in enumerate(quarries):
            yield from judge(quarry, [tracks[number % len(tracks)]] if turns else tracks, ladder)
            if resources.held_memory() > KEPT_BYTES:
                pool.end()


def judge(
    quarry: Quarry, tracks: Sequence[str], ladder: Ladder, arithmetics: tuple[Arithmetic, ...] = ()
) -> list[Outcome]:
    """Return what is said of one pair on every track, in each of its precisions or in others."""
    asked = VerifyRequest(
        name=quarry.reference,
        until="parameters",
        causes="none",
        precisions=FOR_THE_VERDICT,
        arithmetics=arithmetics or quarry.case.arithmetics,
    )
    try:
        results = ladder.climb(asked, lambda *_: None, tracks)
    except (UserError, WorkerDiedError) as error:
        return [Outcome(quarry, track, "-", quarry.wrong, False, 0.0, f"error: {error}") for track in tracks]
    return [outcome for result in results for outcome in _outcomes(quarry, result)]


def _outcomes(quarry: Quarry, result: TrackResult) -> Iterator[Outcome]:
    """Yield what each rung says; a pair that does not get there is missed."""
    if not result.precisions:
        last = result.rungs[-1]
        yield Outcome(quarry, result.track, "-", quarry.wrong, False, 0.0, f"{last.rung}: {last.detail}")
    rungs = [rung for rung in result.rungs if rung.rung == "precision"]
    for found, rung in zip(result.precisions, rungs, strict=True):
        said, ratio = quarry.case.said in rung.detail, rung.difference or 0.0
        is_run = not any(side.refused for side in found.sides.values())
        gaps = tuple(gap.detail for gap in rung.gaps)
        passed = rung.passed and (is_run or quarry.wrong)
        yield Outcome(quarry, result.track, found.arithmetic, passed, said, ratio, rung.detail, gaps)
