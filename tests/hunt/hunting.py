"""Climbs the ladder with generated pairs and tells which wrong ones passed and which honest ones were refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.hunt import honest, wrong
from tests.hunt.quarry import KEPT_BYTES, Ground, Quarry
from tests.support import resources
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import FOR_THE_VERDICT, VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

GROUND = Ground("tests.hunt", wrong.WRONG, honest.HONEST, honest_of_ten=4)


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

    @property
    def line(self) -> str:
        """Of what is printed meanwhile."""
        said = "MISSED" if self.missed else "ok"
        return f"{said:<6} {self.quarry.kind} {self.quarry.name} {self.track} {self.verdict} {self.seconds:.1f} s"


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
