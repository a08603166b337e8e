"""The ladder: every track shows its side in a worker of its own, then each Keras track is compared with torch."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psutil

from twotrack.shared import datasets
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.ledger.ledger import causes
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.spec.changes import Change, LinkOutputs
from twotrack.shared.spec.track import Precision, installed_track
from twotrack.shared.verify import accuracy, draws, evidence
from twotrack.shared.verify.certificate import Certificate, Verdict, certify, verdict
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.diagnosis.climbing import Climb, Diagnosis, diagnose
from twotrack.shared.verify.diagnosis.findings import Findings, SearchRequest
from twotrack.shared.verify.diagnosis.search import search
from twotrack.shared.verify.distribution import sample
from twotrack.shared.verify.links import IDENTITY, links_between
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.observe import answer, isolate, observe
from twotrack.shared.verify.request import RUNGS, AnswerRequest, LayerRequest, SideRequest, VerifyRequest
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.rungs import EXACT, PROBE_RUNGS
from twotrack.shared.verify.rungs.forward import LayerDifference, layer_difference, layer_differences
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.second_look import Ask, SecondLook
from twotrack.shared.verify.suspects import suspect
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.task import Answer, Request, Task

REFERENCE = "torch"
_MEMORY_PER_WORKER = 2 * 2**30

OnPhase = Callable[[str, str], None]
"""Called with track and phase."""


@dataclass(frozen=True)
class TrackResult:
    """How far one Keras track climbed."""

    track: str
    rungs: list[RungResult]
    suggestions: list[Difference]
    """Entries of the ledger that may explain a failure whose cause is not proved, most likely first."""
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    """Of the failure; empty if there is none."""
    isolated: str = ""
    """What the first diverging layer did alone, on torch's inputs."""
    layers: list[LayerDifference] = field(default_factory=list)
    """Of the forward pass; empty if its rung was not reached."""

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


@dataclass(frozen=True)
class SideResults:
    """All that one worker showed."""

    observation: Observation
    trainings: accuracy.ShortTrainings | None
    """None for a user's pair, which has no data to learn, and where the climb ends before."""

    def with_answer(self, rung: str, folders: dict[Precision, Path]) -> "SideResults":
        """Return it with what the side did on what a rung's probes found."""
        answered = self.observation.answered | {rung: folders}
        return replace(self, observation=self.observation.model_copy(update={"answered": answered}))


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
        chosen, request = tracks or self._keras_tracks, request.located()
        with tempfile.TemporaryDirectory(prefix="twotrack-") as name:
            sides = _observe_all(request, (REFERENCE, *chosen), self._pool, Path(name), on_phase)
            request = self._with_same_outputs(request, sides, Path(name), on_phase)
            for track in chosen:
                sides[track] = self._with_same_draws(request, track, sides, Path(name), on_phase)
            self._sample(request, sides, Path(name), on_phase)
            sides = _answer_all(request, sides, self._pool, Path(name), on_phase)
            again = SecondLook(request, self._asking(on_phase), Path(name) / "again")
            return [
                self._result(request, track, sides[REFERENCE], sides[track], again, Path(name), on_phase)
                for track in chosen
            ]

    def _asking(self, on_phase: OnPhase) -> Ask:
        """Return what lets a track's worker do a task, and shows its phases."""

        def ask(track: str, task: Task[Request, Answer], request: Request) -> Answer:
            answer = self._pool.call(track, task, request, lambda progress: on_phase(track, progress.phase))
            on_phase(track, "done")
            return answer

        return ask

    def _with_same_outputs(
        self, request: VerifyRequest, sides: dict[str, SideResults], folder: Path, on_phase: OnPhase
    ) -> VerifyRequest:
        """Let torch show its outputs as Keras has them, where Keras' model ends with a part of torch's loss."""
        torch, keras = (sides[track].observation for track in list(sides)[:2])
        outputs = [side.traces["float64"].outputs for side in (torch, keras)]
        names = links_between(outputs[0], outputs[1], TOLERANCES["forward"].limit)
        if not names or keras.loss["from_logits"] or not torch.loss["from_logits"]:
            return request
        request = request.model_copy(update={"changes": (LinkOutputs(names=names),)})
        linked = _observe_side(request, REFERENCE, self._pool, folder / "linked", on_phase)
        sides[REFERENCE] = replace(linked, trainings=sides[REFERENCE].trainings)
        return request

    def _with_same_draws(
        self, request: VerifyRequest, track: str, sides: Mapping[str, SideResults], folder: Path, on_phase: OnPhase
    ) -> SideResults:
        """Let a Keras side draw what torch's draws that correspond to its own draw, where order or layout differ."""
        torch, keras = sides[REFERENCE].observation.draws, sides[track].observation.draws
        for attempt, mirrored in enumerate((False, True)):
            if not keras.draws or draws.agree(torch, keras):
                break
            if aligned := draws.alignment(torch, keras, mirrored):
                asked = SideRequest(
                    verify=request, track=track, folder=folder / f"{_slug(track)}-{attempt}", alignment=aligned
                )
                asked.folder.mkdir()
                again = self._pool.call(track, observe, asked, _shown(on_phase, track))
                if draws.agree(torch, again.draws):
                    return replace(sides[track], observation=again)
        return sides[track]

    def _sample(self, request: VerifyRequest, sides: dict[str, SideResults], folder: Path, on_phase: OnPhase) -> None:
        """Draw outputs of the tracks of which one of a pair is random beyond control."""
        observed = {track: side.observation.draws for track, side in sides.items()}
        random = [track for track in sides if draws.beyond_control(observed[REFERENCE], observed[track])]
        for track in dict.fromkeys([REFERENCE, *random]) if random else ():
            asked = SideRequest(verify=request, track=track, folder=folder / _slug(track))
            file = self._pool.call(track, sample, asked, _shown(on_phase, track))
            observation = sides[track].observation.model_copy(update={"samples": file})
            sides[track] = replace(sides[track], observation=observation)

    def _result(
        self,
        request: VerifyRequest,
        track: str,
        torch: SideResults,
        keras: SideResults,
        again: SecondLook,
        folder: Path,
        on_phase: OnPhase,
    ) -> TrackResult:
        results = climbed(request, torch, keras, partial(again.judge, track))
        observations, last = (torch.observation, keras.observation), results[-1]
        layers = layer_differences(*observations) if any(result.rung == "forward" for result in results) else []
        if last.passed:
            return TrackResult(track, results, [], layers=layers)
        isolated = self._isolated(request, track, last, torch.observation, folder)
        place = Path(tempfile.mkdtemp(dir=folder))
        diagnosis = self._diagnosed(request, track, results, torch, keras, place, on_phase)
        unproved = diagnosis.causes[0].status is not Status.PROVED
        suggestions = causes(suspect(last, *observations)) if unproved else []
        return TrackResult(track, results, suggestions, diagnosis, isolated, layers)

    def _diagnosed(
        self,
        request: VerifyRequest,
        track: str,
        results: list[RungResult],
        torch: SideResults,
        keras: SideResults,
        folder: Path,
        on_phase: OnPhase,
    ) -> Diagnosis:
        """Find the causes of a failure; torch's side is changed, Keras' stays."""

        def again(changes: tuple[Change, ...]) -> Climb:
            asked, place = request.model_copy(update={"changes": changes}), Path(tempfile.mkdtemp(dir=folder))
            sides = {REFERENCE: _observe_side(asked, REFERENCE, self._pool, place / REFERENCE, on_phase), track: keras}
            sides[track] = self._with_same_draws(request, track, sides, place, on_phase)
            self._sample(asked, sides, place, on_phase)
            sides = _answer_all(asked, sides, self._pool, place, on_phase)
            second = SecondLook(asked, self._asking(on_phase), place / "again")
            found = climbed(asked, sides[REFERENCE], sides[track], partial(second.judge, track))
            return Climb(found, (sides[REFERENCE].observation, sides[track].observation), changes)

        def look(climb: Climb, failure: RungResult) -> Findings:
            asked = SearchRequest(
                verify=request.model_copy(update={"changes": climb.changes}),
                track=track,
                rung=failure.rung,
                place=failure.place,
                where=failure.where,
                torch=climb.sides[0],
                keras=climb.sides[1],
            )
            return self._pool.call(REFERENCE, search, asked, _shown(on_phase, REFERENCE))

        failed = Climb(results, (torch.observation, keras.observation), request.changes)
        found = diagnose(failed, look, again)
        on_phase(REFERENCE, "done")
        return found

    def _isolated(
        self, request: VerifyRequest, track: str, failure: RungResult, torch: Observation, folder: Path
    ) -> str:
        """Run the first diverging layer alone in Keras on the inputs that torch's layer got."""
        if failure.place is not FailurePlace.LAYER or not failure.layer_inputs_agree:
            return ""
        layers = torch.traces["float64"].layers
        number = next(number for number, layer in enumerate(layers) if layer.path == failure.where)
        layer_request = LayerRequest(
            verify=request,
            track=track,
            folder=folder / _slug(track),
            path=failure.where,
            reference=torch.folders["float64"],
            number=number,
        )
        alone = evidence.load(Trace, self._pool.call(track, isolate, layer_request))
        difference = layer_difference(layers[number].outputs, alone.outputs)
        outcome = "differs" if difference > TOLERANCES["forward"].limit else "agrees"
        return f"run alone on torch's inputs, '{failure.where}' {outcome} ({difference:.1e})"


def _shown(on_phase: OnPhase, track: str) -> Callable[[Progress], None]:
    return lambda progress: on_phase(track, progress.phase)


def _slug(track: str) -> str:
    return track.replace(":", "-")


def _observe_all(
    request: VerifyRequest, tracks: Sequence[str], pool: WorkerPool, folder: Path, on_phase: OnPhase
) -> dict[str, SideResults]:
    """Let the workers work side by side, as many as memory allows."""
    at_once = max(1, min(len(tracks), psutil.virtual_memory().available // _MEMORY_PER_WORKER))
    return pool.each(
        tracks, lambda track: _observe_side(request, track, pool, folder / _slug(track), on_phase), at_once
    )


def _observe_side(request: VerifyRequest, track: str, pool: WorkerPool, folder: Path, on_phase: OnPhase) -> SideResults:
    folder.mkdir()
    side_request = SideRequest(verify=request, track=track, folder=folder)

    show = _shown(on_phase, track)
    observation = pool.call(track, observe, side_request, show)
    trainings = None
    if not request.is_pair and request.until == "accuracy" and not request.changes:
        trainings = accuracy.load(pool.call(track, accuracy.measure, side_request, show))
    on_phase(track, "done")
    return SideResults(observation, trainings)


def _answer_all(
    request: VerifyRequest, sides: Mapping[str, SideResults], pool: WorkerPool, folder: Path, on_phase: OnPhase
) -> dict[str, SideResults]:
    """Let every two sides run on what the probes of either found, where anything was."""
    answered = dict(sides)
    for rung in PROBE_RUNGS:
        folders = {track: side.observation.probed.get(rung.name, {}).get("float64") for track, side in sides.items()}
        found = {
            track: path for track, path in folders.items() if path and rung.asks(evidence.load(rung.evidence, path))
        }
        asked = [track for track in sides if _concerning(track, found)]

        def ask(track: str, rung: ProbeRung = rung, found: Mapping[str, Path] = found) -> dict[Precision, Path]:
            return pool.call(
                track,
                answer,
                AnswerRequest(
                    verify=request,
                    track=track,
                    folder=folder / _slug(track),
                    rung=rung.name,
                    found=_concerning(track, found),
                ),
                lambda progress: on_phase(track, progress.phase),
            )

        for track, given in pool.each(asked, ask).items():
            answered[track] = answered[track].with_answer(rung.name, given)
    return answered


def _concerning(track: str, found: Mapping[str, Path]) -> dict[str, Path]:
    """Return what a side is run on: torch on what any side found, a Keras track on what it or torch found."""
    return {finder: path for finder, path in found.items() if track == REFERENCE or finder in (track, REFERENCE)}


LookAgain = Callable[[RungResult, Observation, Observation], RungResult]
"""Returns what a second look at torch's side and Keras' found in place of a failed training, or of a doubt."""


def climbed(request: VerifyRequest, torch: SideResults, keras: SideResults, look_again: LookAgain) -> list[RungResult]:
    """Compare two sides, rung by rung, up to the first failure."""
    results: list[RungResult] = []
    for rung in RUNGS[: RUNGS.index(request.until) + 1]:
        result = _check(rung, request, torch, keras)
        if result is not None and (result.in_doubt or (rung == "training" and not result.passed)):
            result = look_again(result, torch.observation, keras.observation)
        if result is not None:
            results.append(_told_of_links(result, request))
            if not result.passed:
                break
    return results


def _told_of_links(result: RungResult, request: VerifyRequest) -> RungResult:
    """Say in the rung forward that outputs were compared with a function behind torch's."""
    links = [name for change in request.changes if isinstance(change, LinkOutputs) for name in change.names]
    if result.rung != "forward" or not links:
        return result
    names = " and ".join(dict.fromkeys(name for name in links if name != IDENTITY))
    detail = f"Keras gives {names} of what torch gives; they were compared so, and torch's loss took what it gives"
    return replace(result, gaps=(*result.gaps, Gap(GapKind.OUTPUTS, "the outputs", detail)))


def _check(rung: str, request: VerifyRequest, torch: SideResults, keras: SideResults) -> RungResult | None:
    """Return what a rung finds; None if it does not apply."""
    if rung != "accuracy":
        return EXACT[rung](torch.observation, keras.observation)
    if torch.trainings is None or keras.trainings is None:
        return None
    return accuracy.check(request.variant.chapter.metric, torch.trainings, keras.trainings)
