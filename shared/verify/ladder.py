"""The ladder: every track shows its side in a worker of its own, then each Keras track is compared with torch."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from twotrack.shared import chapters, datasets
from twotrack.shared.differences.ledger import causes
from twotrack.shared.differences.spec import Difference, Suspect
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.track import installed_track
from twotrack.shared.verify import accuracy, rungs
from twotrack.shared.verify.observe import IsolateRequest, Named, ObserveRequest, isolate, observe
from twotrack.shared.verify.rungs import LayerDifference, Verdict
from twotrack.shared.verify.tolerances import TOLERANCES
from twotrack.shared.verify.trace import Trace, load
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

RUNGS = ("data", "parameters", "forward", "gradients", "training", "accuracy")
REFERENCE = "torch"
STEPS = 20
_MEMORY_PER_WORKER = 2 * 2**30

OnPhase = Callable[[str, str], None]
"""Called with track and phase."""


@dataclass(frozen=True)
class Subject(Named):
    """What to verify."""

    until: str = RUNGS[-1]
    """The last rung to climb. Those before the accuracy rung take a part of the time."""

    @property
    def named(self) -> Named:
        """What the worker tasks need to find it."""
        return Named(self.name, self.settings, self.recipe)


@dataclass(frozen=True)
class TrackResult:
    """How far one Keras track climbed."""

    track: str
    verdicts: list[Verdict]
    causes: list[Difference]
    """Of the failure, most likely first; empty if there is none."""
    isolated: str = ""
    """What the first diverging layer did alone, on torch's inputs."""
    layers: list[LayerDifference] = field(default_factory=list)
    """Of the forward pass; empty if its rung was not reached."""

    @property
    def passed(self) -> bool:
        """Every rung that applies was passed."""
        return all(verdict.passed for verdict in self.verdicts)


def check(subject: Subject, tracks: Sequence[str]) -> None:
    """Raise UserError for a request that cannot be done, before any worker starts."""
    for track in (REFERENCE, *tracks):
        installed_track(track)
    if subject.until not in RUNGS:
        raise unknown("rung", subject.until, RUNGS)
    if all(track == REFERENCE for track in tracks):
        raise UserError("--tracks: name at least one Keras track to compare with torch.")
    if not subject.is_pair:
        variant = chapters.get(subject.name).variant(subject.recipe, subject.settings)
        variant.require((REFERENCE, *tracks))
        datasets.embedded_source(variant.chapter.dataset).file.check()


def verify(
    subject: Subject, tracks: Sequence[str], on_phase: OnPhase, pool: WorkerPool | None = None
) -> list[TrackResult]:
    """Climb the ladder on every Keras track of `tracks`; torch is the side they are compared with.

    Raises UserError for a pair that cannot be built or run, WorkerDiedError if a worker does.
    """
    with Ladder(tracks, pool) as ladder:
        return ladder.climb(subject, on_phase)


class Ladder:
    """Worker processes for torch and some Keras tracks, on which any number of pairs can be verified."""

    def __init__(self, tracks: Sequence[str], pool: WorkerPool | None = None):
        self._keras_tracks = [track for track in tracks if track != REFERENCE]
        self._stack = ExitStack()
        self._lent = pool

    def __enter__(self) -> "Ladder":
        threads = max(1, available_cores() // (1 + len(self._keras_tracks)))
        self._pool = self._stack.enter_context(lent_or_new(self._lent, threads=threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def climb(self, subject: Subject, on_phase: OnPhase, tracks: Sequence[str] | None = None) -> list[TrackResult]:
        """Verify one subject, on all Keras tracks of the ladder or on `tracks`; as `verify`."""
        chosen = tracks or self._keras_tracks
        with tempfile.TemporaryDirectory(prefix="twotrack-") as name:
            folder = Path(name)
            seen = _observe_all(subject, (REFERENCE, *chosen), self._pool, folder, on_phase)
            return [_climb(track, subject, self._pool, seen, folder) for track in chosen]


@dataclass(frozen=True)
class Observation:
    """What one worker returned."""

    facts: Mapping[str, Any]
    traces: Mapping[str, Trace]
    metric: str | None
    """The chapter's; None for a user's pair, which has no data to learn, and where the climb ends before."""
    accuracy: accuracy.Outcome | None


def _observe_all(
    subject: Subject, tracks: Sequence[str], pool: WorkerPool, folder: Path, on_phase: OnPhase
) -> dict[str, Observation]:
    """Let the workers work side by side, as many as memory allows."""
    at_once = max(1, min(len(tracks), psutil.virtual_memory().available // _MEMORY_PER_WORKER))
    return pool.each(
        tracks, lambda track: _observe(subject, track, pool, folder / track.replace(":", "-"), on_phase), at_once
    )


def _observe(subject: Subject, track: str, pool: WorkerPool, folder: Path, on_phase: OnPhase) -> Observation:
    folder.mkdir()
    asked = ObserveRequest(subject.named, track, folder, STEPS)

    def show(progress: Progress) -> None:
        on_phase(track, progress.phase)

    facts = pool.call(track, observe, asked, show)
    metric = outcome = None
    if not subject.is_pair and subject.until == "accuracy":
        metric = chapters.get(subject.name).metric
        outcome = accuracy.load(pool.call(track, accuracy.measure, asked, show))
    on_phase(track, "done")
    return Observation(facts, {name: load(content) for name, content in facts["traces"].items()}, metric, outcome)


def _climb(
    track: str, subject: Subject, pool: WorkerPool, seen: Mapping[str, Observation], folder: Path
) -> TrackResult:
    """Compare one Keras track with torch, rung by rung, up to the first failure."""
    torch, keras = seen[REFERENCE], seen[track]
    verdicts: list[Verdict] = []
    for rung in RUNGS[: RUNGS.index(subject.until) + 1]:
        verdict = _CHECKS[rung](torch, keras)
        if verdict is not None:
            verdicts.append(verdict)
            if not verdict.passed:
                found = causes(_suspect(verdict, torch, keras))
                alone = _isolated(verdict, track, subject, pool, seen, folder)
                return TrackResult(track, verdicts, found, alone, _layers(verdicts, torch, keras))
    return TrackResult(track, verdicts, [], layers=_layers(verdicts, torch, keras))


def _layers(verdicts: Sequence[Verdict], torch: Observation, keras: Observation) -> list[LayerDifference]:
    climbed = any(verdict.rung == "forward" for verdict in verdicts)
    return rungs.layer_differences(torch.traces, keras.traces) if climbed else []


def _data(torch: Observation, keras: Observation) -> Verdict:
    return rungs.check_data(torch.facts, keras.facts)


def _parameters(torch: Observation, keras: Observation) -> Verdict:
    return rungs.check_parameters(torch.facts, keras.facts)


def _forward(torch: Observation, keras: Observation) -> Verdict:
    single = rungs.output_difference(torch.traces["float32"], keras.traces["float32"])
    return replace(rungs.check_forward(torch.traces["float64"], keras.traces["float64"]), difference32=single)


def _gradients(torch: Observation, keras: Observation) -> Verdict:
    single = max(rungs.gradient_differences(torch.traces["float32"], keras.traces["float32"]).values(), default=None)
    return replace(rungs.check_gradients(torch.traces["float64"], keras.traces["float64"]), difference32=single)


def _training(torch: Observation, keras: Observation) -> Verdict:
    last = rungs.step_differences(keras.traces["float32"].weights[-1], torch.traces["float32"].weights[-1])
    verdict = rungs.check_training(torch.facts, keras.facts, keras.traces["float64"], torch.traces["float64"])
    return replace(verdict, difference32=max(last.values(), default=None))


def _accuracy(torch: Observation, keras: Observation) -> Verdict | None:
    if torch.metric is None:
        return None
    return accuracy.check(torch.metric, torch.accuracy, keras.accuracy)


_CHECKS = {
    "data": _data,
    "parameters": _parameters,
    "forward": _forward,
    "gradients": _gradients,
    "training": _training,
    "accuracy": _accuracy,
}


def _suspect(verdict: Verdict, torch: Observation, keras: Observation) -> Suspect:
    """Collect what both sides say of themselves where the failure showed."""
    inputs = frozenset(keras.facts["input_kinds"])
    if verdict.where == "loss":
        return _suspect_of(verdict, inputs, keras.facts["loss"], torch.facts["loss"])
    if verdict.detail.startswith("dropout rates"):
        rates = [{"kind": "Dropout", "rate": side.facts["dropout"].get(verdict.where, 0.0)} for side in (keras, torch)]
        return _suspect_of(verdict, inputs, *rates)
    if verdict.rung == "training" and not verdict.where.endswith(("moving_mean", "moving_variance")):
        return _suspect_of(verdict, inputs, keras.facts["optimizer"], torch.facts["optimizer"])
    layer = verdict.where.partition("#")[0] if verdict.rung == "forward" else verdict.where.rpartition(".")[0]
    ours, theirs = _layer_facts(keras, layer), _layer_facts(torch, layer)
    return Suspect(
        rung=verdict.rung, where=verdict.where, inputs=inputs,
        torch_kind=theirs[0], torch=theirs[1], keras_kind=ours[0], keras=ours[1],
    )  # fmt: skip


def _suspect_of(verdict: Verdict, inputs: frozenset[str], ours: Mapping, theirs: Mapping) -> Suspect:
    """Return a suspect that is no layer: the loss or the optimizer."""
    return Suspect(
        rung=verdict.rung, where=verdict.where, inputs=inputs,
        torch_kind=theirs["kind"], torch=theirs, keras_kind=ours["kind"], keras=ours,
    )  # fmt: skip


def _layer_facts(observation: Observation, path: str) -> tuple[str, Mapping[str, Any]]:
    for layer in observation.traces["float64"].layers:
        if layer.path == path:
            return layer.kind, layer.facts
    return "", {}


def _isolated(
    verdict: Verdict, track: str, subject: Subject, pool: WorkerPool, seen: Mapping[str, Observation], folder: Path
) -> str:
    """Run the first diverging layer alone in Keras on the inputs that torch's layer got."""
    if verdict.rung != "forward" or not verdict.layer_inputs_agree:
        return ""
    torch = seen[REFERENCE]
    number = next(n for n, layer in enumerate(torch.traces["float64"].layers) if layer.path == verdict.where)
    reference = torch.facts["traces"]["float64"]
    own = folder / track.replace(":", "-")
    asked = IsolateRequest(subject.named, track, own, verdict.where, reference, number)
    alone = load(pool.call(track, isolate, asked)).outputs
    difference = rungs.layer_difference(alone, torch.traces["float64"].layers[number].outputs)
    outcome = "differs" if difference > TOLERANCES["forward"].limit else "agrees"
    return f"run alone on torch's inputs, '{verdict.where}' {outcome} ({difference:.1e})"
