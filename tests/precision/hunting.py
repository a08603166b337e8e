"""Judges generated pairs in lower precisions: which wrong ones passed, or failed unnamed; which honest ones failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.hunt.quarry import KEPT_BYTES, Ground, Quarry
from tests.precision import honest, wrong
from tests.precision.families import Case
from tests.support import resources
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

GROUND = Ground("tests.precision", wrong.WRONG, honest.HONEST, honest_of_ten=5)


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

    @property
    def line(self) -> str:
        """Of what is printed meanwhile; with what was drawn and found if it is missed or has exceptions."""
        said = "MISSED" if self.missed else "ok"
        text = f"{said:<6} {self.quarry.kind} {self.quarry.name} {self.track} {self.arithmetic} {self.ratio:.3g}"
        if not (self.missed or self.gaps):
            return text
        drawn = self.quarry.family.parameters(self.quarry.number)
        return f"{text}\n    {drawn}\n    {self.detail} {' | '.join(self.gaps)}"


def case_of(quarry: Quarry) -> Case:
    """Return the pair, and what it is judged in."""
    case = quarry.family.case(quarry.number)
    assert isinstance(case, Case)
    return case


def hunt(quarries: Sequence[Quarry], tracks: Sequence[str], pool: WorkerPool, turns: bool = False) -> Iterator[Outcome]:
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
        arithmetics=arithmetics or case_of(quarry).arithmetics,
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
        said, ratio = case_of(quarry).said in rung.detail, rung.difference or 0.0
        is_run = not any(side.refused for side in found.sides.values())
        gaps = tuple(gap.detail for gap in rung.gaps)
        passed = rung.passed and (is_run or quarry.wrong)
        yield Outcome(quarry, result.track, found.arithmetic, passed, said, ratio, rung.detail, gaps)
