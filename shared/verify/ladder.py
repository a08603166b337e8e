"""The ladder: every track shows its side in a worker of its own, then each is compared with the reference."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from twotrack.shared import datasets
from twotrack.shared.base import atomic
from twotrack.shared.errors import unknown
from twotrack.shared.ledger.ledger import causes
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.spec.replicas import require_replicas
from twotrack.shared.spec.sides import MIXED, TORCH, SideName, Sides, Words, arrange
from twotrack.shared.spec.track import TRACKS, installed_track
from twotrack.shared.verify.certificate import Certificate, Verdict, certify, verdict
from twotrack.shared.verify.comparing import climbed
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts, facts
from twotrack.shared.verify.diagnosis.failure import Failure
from twotrack.shared.verify.diagnosis.picture import Picture, picture
from twotrack.shared.verify.mapping import with_map
from twotrack.shared.verify.naming import diagnosis_retold, picture_retold, retold, rung_retold
from twotrack.shared.verify.on_replicas import ReplicasOfSides
from twotrack.shared.verify.precisions import LowerPrecisions
from twotrack.shared.verify.reading import read
from twotrack.shared.verify.request import RUNGS, VerifyRequest
from twotrack.shared.verify.result import GapKind, RungResult
from twotrack.shared.verify.rungs.forward import LayerDifference, layer_differences
from twotrack.shared.verify.rungs.precision import InPrecision, check_precision
from twotrack.shared.verify.rungs.replicas import OnReplicas, check_replicas
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.verify.showing import OnPhase, Showing
from twotrack.shared.verify.sides import described
from twotrack.shared.verify.suspects import suspect
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.pool import WorkerPool, lent_or_new


@dataclass(frozen=True)
class TrackResult:
    """How far one side climbed."""

    track: str
    """What it is called: its track, and its build function where the pair has two of one framework."""
    rungs: list[RungResult]
    suggestions: list[Difference]
    """Entries of the ledger that may explain what is left with all proved causes removed, most likely first."""
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    """Of the failure; empty if there is none."""
    isolated: str = ""
    """What the first diverging layer did alone, on torch's inputs."""
    parting: str = ""
    """The first operation by which the forward passes part, with its place in both sides' code."""
    layers: list[LayerDifference] = field(default_factory=list)
    """Of the forward pass; empty if its rung was not reached."""
    facts: list[Facts] = field(default_factory=list)
    """What both sides say at the place of the failure, then where they fail with all proved causes removed."""
    picture: Picture | None = None
    """Where in a tensor the failure is."""
    words: Words = field(default_factory=Words)
    """What both sides are called."""
    own: str = ""
    """What of the user's own they were compared on, as a certificate says it."""
    notes: tuple[str, ...] = ()
    """What there is to say of a map of the weights that was searched for."""
    precisions: tuple[InPrecision, ...] = ()
    """What both sides did in lower precisions."""

    @property
    def passed(self) -> bool:
        """Every rung that applies was passed."""
        return all(rung.passed for rung in self.rungs)

    @property
    def certificate(self) -> Certificate:
        """What the rungs that were passed looked at."""
        return certify(self.rungs, self.own)

    @property
    def verdict(self) -> Verdict:
        """Pass, pass with exceptions, or fail."""
        return verdict(self.rungs)


def check(request: VerifyRequest, tracks: Sequence[str] | None) -> None:
    """Raise UserError for a request that cannot be done, before any worker starts."""
    for track in (*(tracks or ()), *([request.reference] if request.reference else [])):
        installed_track(track)
    require_replicas(request.replicas)
    if request.until not in RUNGS:
        raise unknown("rung", request.until, RUNGS)
    if not request.is_pair:
        sides, variant = arrange(MIXED, tracks, request.reference), request.variant
        for side in sides.all:
            installed_track(side.track)
        variant.require([side.track for side in sides.all])
        datasets.embedded_source(variant.chapter.dataset).file.check()


def verify(
    request: VerifyRequest, tracks: Sequence[str] | None, on_phase: OnPhase, pool: WorkerPool | None = None
) -> list[TrackResult]:
    """Climb the ladder with every side that the pair has on `tracks`, None for every installed one.

    Torch is the side that others are compared with, where the pair has one there and nothing else is asked for.
    Raises UserError for a pair that cannot be built or run, WorkerDiedError if a worker does.
    """
    with Ladder(tracks, pool) as ladder:
        return ladder.climb(request, on_phase)


def threads(tracks: int) -> int:
    """Return how many threads each worker has, of so many tracks."""
    return max(1, available_cores() // tracks)


class Ladder:
    """Worker processes for some tracks, on which any number of pairs can be verified."""

    def __init__(self, tracks: Sequence[str] | None, pool: WorkerPool | None = None):
        self._tracks, self._lent = tracks, pool
        self._stack = ExitStack()

    def __enter__(self) -> "Ladder":
        known = [name for name, spec in TRACKS.items() if not spec.missing] if self._tracks is None else self._tracks
        threads_each = threads(len({TORCH, *known}))
        self._pool = self._stack.enter_context(lent_or_new(self._lent, threads=threads_each, quick_to_compile=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def climb(
        self, request: VerifyRequest, on_phase: OnPhase, tracks: Sequence[str] | None = None
    ) -> list[TrackResult]:
        """Verify one request, on all tracks of the ladder or on `tracks`; as `verify`."""
        request, showing = request.located(), Showing(self._pool, on_phase)
        pair = described(request, tracks or self._tracks, self._pool)
        sides = arrange(pair.builds, tracks or self._tracks, request.reference)
        for side in sides.all:
            installed_track(side.track)
        with atomic.scratch() as folder:
            request = with_map(request, sides, showing, folder)
            request = read(request, sides, pair.weights, pair.has_inputs, showing, folder)
            return list(_climbed(request, sides, showing, folder))


def _climbed(request: VerifyRequest, sides: Sides, showing: Showing, folder: Path) -> Iterator[TrackResult]:
    """Show all sides, and compare each with the reference."""
    lower = LowerPrecisions(showing, folder / "precision")
    with ReplicasOfSides(showing, folder / "replicas") as several:
        for first in _outcomes(request, sides.reference, sides.candidates, showing, folder):
            side = first.candidate
            result = _result(first.in_full(), sides.label(side), sides.words(side))
            if result.passed:
                result = _in_lower_precisions(result, lower.of(first.request, sides.reference, side))
            if result.passed and request.replicas > 1:
                found = several.of(first.request, sides.reference, side, *first.sides)
                result = _on_replicas(result, found)
            yield replace(result, own=request.own.told, notes=request.map_notes)


def _in_lower_precisions(result: TrackResult, found: Sequence[InPrecision]) -> TrackResult:
    """Return a pass with what the sides did in lower precisions."""
    rungs = [rung_retold(check_precision(one), result.words) for one in found]
    return replace(result, rungs=[*result.rungs, *rungs], precisions=tuple(found))


def _on_replicas(result: TrackResult, found: OnReplicas) -> TrackResult:
    """Return a pass with what the sides did on several replicas."""
    grows = any(gap.kind is GapKind.ROUNDING for rung in result.rungs for gap in rung.gaps)
    return replace(result, rungs=[*result.rungs, rung_retold(check_replicas(found, grows), result.words)])


def _outcomes(
    request: VerifyRequest, reference: SideName, candidates: Sequence[SideName], showing: Showing, folder: Path
) -> list[Failure]:
    """Show a reference and candidates, and let each candidate climb."""
    request, shown = showing.everything(request, (reference, *candidates), folder)
    again = SecondLook(request, reference, showing.ask, folder / "again")
    found = []
    for side in candidates:
        climb = climbed(request, shown[reference], shown[side], partial(again.judge, side))
        place = Path(tempfile.mkdtemp(dir=folder))
        found.append(Failure(showing, request, reference, side, climb, shown[reference], shown[side], place))
    return found


def _result(climb: Failure, label: str, words: Words) -> TrackResult:
    """Return what a climb came to; a failure is diagnosed."""
    results, sides = [rung_retold(rung, words) for rung in climb.results], climb.sides
    layers = layer_differences(*sides) if any(result.rung == "forward" for result in results) else []
    if results[-1].passed:
        return TrackResult(label, results, [], layers=layers, words=words)
    isolated, diagnosis, failure = retold(climb.isolated(), words), climb.diagnosis(), climb.results[-1]
    stated = facts(failure, *sides)
    suggestions: list[Difference] = []
    if diagnosis.last and diagnosis.sides:
        suggestions = causes(suspect(diagnosis.last, *diagnosis.sides)) if words.is_mixed else []
        if diagnosis.proved:
            stated += facts(diagnosis.last, *diagnosis.sides, is_changed=True)
    drawn = picture_retold(picture(failure, *(side.traces["float64"] for side in sides)), words)
    diagnosis, place = diagnosis_retold(diagnosis, words), retold(climb.parting(), words)
    return TrackResult(label, results, suggestions, diagnosis, isolated, place, layers, stated, drawn, words)
