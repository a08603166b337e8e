"""The ladder: every track shows its side in a worker of its own, then each Keras track is compared with torch."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from twotrack.shared import datasets
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.ledger.ledger import causes
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.spec.track import installed_track
from twotrack.shared.verify.certificate import Certificate, Verdict, certify, verdict
from twotrack.shared.verify.comparing import climbed
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts, facts
from twotrack.shared.verify.diagnosis.failure import Failure
from twotrack.shared.verify.diagnosis.picture import Picture, picture
from twotrack.shared.verify.request import RUNGS, VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs.forward import LayerDifference, layer_differences
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.verify.showing import REFERENCE, OnPhase, Showing
from twotrack.shared.verify.suspects import suspect
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.pool import WorkerPool, lent_or_new


@dataclass(frozen=True)
class TrackResult:
    """How far one Keras track climbed."""

    track: str
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

    @property
    def passed(self) -> bool:
        """Every rung that applies was passed."""
        return all(rung.passed for rung in self.rungs)

    @property
    def certificate(self) -> Certificate:
        """What the rungs that were passed looked at."""
        return certify(self.rungs)

    @property
    def verdict(self) -> Verdict:
        """Pass, pass with exceptions, or fail."""
        return verdict(self.rungs)


def check(request: VerifyRequest, tracks: Sequence[str]) -> None:
    """Raise UserError for a request that cannot be done, before any worker starts."""
    for track in (REFERENCE, *tracks):
        installed_track(track)
    if request.until not in RUNGS:
        raise unknown("rung", request.until, RUNGS)
    if all(track == REFERENCE for track in tracks):
        raise UserError("--tracks: name at least one Keras track to compare with torch.")
    if not request.is_pair:
        variant = request.variant
        variant.require((REFERENCE, *tracks))
        datasets.embedded_source(variant.chapter.dataset).file.check()


def verify(
    request: VerifyRequest, tracks: Sequence[str], on_phase: OnPhase, pool: WorkerPool | None = None
) -> list[TrackResult]:
    """Climb the ladder on every Keras track of `tracks`; torch is the side they are compared with.

    Raises UserError for a pair that cannot be built or run, WorkerDiedError if a worker does.
    """
    with Ladder(tracks, pool) as ladder:
        return ladder.climb(request, on_phase)


class Ladder:
    """Worker processes for torch and some Keras tracks, on which any number of pairs can be verified."""

    def __init__(self, tracks: Sequence[str], pool: WorkerPool | None = None):
        self._keras_tracks = [track for track in tracks if track != REFERENCE]
        self._stack = ExitStack()
        self._lent = pool

    def __enter__(self) -> "Ladder":
        threads = max(1, available_cores() // (1 + len(self._keras_tracks)))
        self._pool = self._stack.enter_context(lent_or_new(self._lent, threads=threads, quick_to_compile=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def climb(
        self, request: VerifyRequest, on_phase: OnPhase, tracks: Sequence[str] | None = None
    ) -> list[TrackResult]:
        """Verify one request, on all Keras tracks of the ladder or on `tracks`; as `verify`."""
        chosen, request, showing = tracks or self._keras_tracks, request.located(), Showing(self._pool, on_phase)
        with tempfile.TemporaryDirectory(prefix="twotrack-") as name:
            folder = Path(name)
            sides = showing.all(request, (REFERENCE, *chosen), folder)
            request = showing.with_found_outputs(request, sides, folder)
            request = showing.with_same_outputs(request, sides, folder)
            for track in chosen:
                sides[track] = showing.with_same_draws(request, track, sides, folder)
            showing.samples(request, sides, folder)
            sides = showing.answers(request, sides, folder)
            again = SecondLook(request, showing.ask, folder / "again")
            results = []
            for track in chosen:
                climb = climbed(request, sides[REFERENCE], sides[track], partial(again.judge, track))
                place = Path(tempfile.mkdtemp(dir=folder))
                outcome = Failure(showing, request, track, climb, sides[REFERENCE], sides[track], place)
                results.append(_result(outcome))
            return results


def _result(climb: Failure) -> TrackResult:
    """Return what a climb came to; a failure is diagnosed."""
    results, sides = list(climb.results), (climb.torch.observation, climb.keras.observation)
    layers = layer_differences(*sides) if any(result.rung == "forward" for result in results) else []
    if results[-1].passed:
        return TrackResult(climb.track, results, [], layers=layers)
    isolated, diagnosis, failure = climb.isolated(), climb.diagnosis(), results[-1]
    stated = facts(failure, *sides)
    suggestions: list[Difference] = []
    if diagnosis.last and diagnosis.sides:
        suggestions = causes(suspect(diagnosis.last, *diagnosis.sides))
        if diagnosis.proved:
            stated += facts(diagnosis.last, *diagnosis.sides, is_changed=True)
    drawn = picture(failure, *(side.traces["float64"] for side in sides))
    return TrackResult(climb.track, results, suggestions, diagnosis, isolated, climb.parting(), layers, stated, drawn)
