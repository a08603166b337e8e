"""Worker tasks: record one side of a pair, on drawn weights or on those of another recording."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.errors import UserError
from twotrack.shared.recordings import standalone
from twotrack.shared.recordings.folder import OpenedRecording, open_recording
from twotrack.shared.recordings.renaming import read_renames, renamed
from twotrack.shared.recordings.request import CanonicalRequest, RecordRequest
from twotrack.shared.recordings.schema import DRAWN
from twotrack.shared.runs.fitting import Step
from twotrack.shared.spec.pair import CustomOptimizer, Pair
from twotrack.shared.spec.probe import Penalty
from twotrack.shared.spec.sides import TORCH, mixed
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.spec.track import Precision, Track
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import PairExercise, Shapes
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import EVERYTHING, Trace
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_torch, open_track
from twotrack.shared.workers.environment import versions
from twotrack.shared.workers.task import Report, task


@with_config(WITH_ARRAYS)
@dataclass
class CanonicalWeights:
    """Evidence."""

    weights: dict[str, np.ndarray] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """Canonical paths of layers, by torch's own."""


class GivenExercise(PairExercise):
    """A pair, fed with the inputs and targets of a recording."""

    def __init__(self, pair: Pair, material: OpenedRecording):
        super().__init__(pair)
        self._recorded, self._targets = _inputs(pair, material), material.arrays(material.manifest.targets)

    def inputs(self) -> Mapping[str, np.ndarray]:
        """Return those of the recording, channels last."""
        return self._recorded

    def targets(self, outputs: Shapes) -> Sequence[np.ndarray]:
        """Return those of the recording."""
        return self._targets


def _inputs(pair: Pair, material: OpenedRecording) -> dict[str, np.ndarray]:
    """Return a recording's inputs by the names of the pair, channels last; UserError if they do not fit."""
    recorded, manifest = list(material.manifest.inputs), material.manifest
    by_name = {named.name: named for named in recorded}
    if len(recorded) != len(pair.specs):
        raise UserError(
            f"'{material.folder}' has {len(recorded)} inputs, the pair takes {len(pair.specs)}; "
            "record the model on what the pair takes."
        )
    named = [by_name[name] for name in pair.specs] if by_name.keys() == pair.specs.keys() else recorded
    found = {}
    for (name, spec), array in zip(pair.specs.items(), material.arrays(named), strict=True):
        own = manifest.framework == "torch" and manifest.names == "own" and array.ndim == len(spec.axes)
        found[name] = np.ascontiguousarray(array.transpose(np.argsort(spec.axes)) if own else array)
        if found[name].shape[1:] != spec.shape:
            raise UserError(
                f"'{material.folder}': expected an input '{name}' of shape (batch, {', '.join(map(str, spec.shape))}), "
                f"found {found[name].shape}; record the model on what the pair takes."
            )
    return found


class RecordedSide(ObservedSide):
    """One side, of which what its optimizer remembers is kept step by step."""

    def __init__(self, exercise: PairExercise, track: Track, precision: Precision, phase: Callable[[str], None]):
        self.states: list[OptimizerState] = []
        """After each step; none of an optimizer of the user's own, which keeps what it likes."""
        super().__init__(exercise, track, precision, phase)

    def _keep(self, trace: Trace, step: Step) -> None:
        super()._keep(trace, step)
        if not self.has_own_loop and not isinstance(self.exercise.pair.optimizer, CustomOptimizer):
            state, kept = self.model.optimizer_state(), set(self._kept_in_full)
            slots = {name: array for name, array in state.slots.items() if name.partition("/")[2] in kept}
            self.states.append(replace(state, slots=slots))


class GivenSide(RecordedSide):
    """One side on the weights of a recording."""

    def __init__(
        self, exercise: PairExercise, track: Track, precision: Precision, phase: Callable[[str], None], given: Any
    ):
        self._given = given
        super().__init__(exercise, track, precision, phase)

    def reset(self, scale: float = 1.0) -> None:
        """Load the recording's weights."""
        self.model.load_weights({name: scale * np.array(array) for name, array in self._given.items()})
        self.model.load_unused(draw_weights(self.left_out))
        self.source.restart()


@task
def record_side(request: RecordRequest, report: Report) -> Path:
    """Record one side of a pair; return the folder."""
    report("starting", {})
    material = open_recording(request.material) if request.material else None
    try:
        track = open_track(request.track, "auto")
        side = _side(request, material, track, lambda phase: report(f"{phase} {request.precision}", {}))
        return _written(side, request, material, track.device)
    except BridgeError as error:
        raise UserError(f"{request.subject.label}: {error}") from error


def _side(
    request: RecordRequest, material: OpenedRecording | None, track: Track, phase: Callable[[str], None]
) -> RecordedSide:
    pair = request.subject.load().side(mixed(request.track))
    exercise = PairExercise(pair) if material is None else GivenExercise(pair, material)
    exercise.in_full = EVERYTHING  # a recording holds values, however large the model is
    if material is None:
        return RecordedSide(exercise, track, request.precision, phase)
    if request.weights:
        weights = evidence.load(CanonicalWeights, request.weights).weights
    else:
        renames = read_renames(request.renames)
        weights = {renamed(name, renames): array for name, array in material.weights.items()}
    return GivenSide(exercise, track, request.precision, phase, weights)


def _written(side: RecordedSide, request: RecordRequest, material: OpenedRecording | None, device: str) -> Path:
    """Write what the side shows, part by part, so that memory holds one of them."""
    side.probe.remove_dropout()  # its numbers are a matter of the two sides of a pair, not of one
    writer = standalone.Writer(request.out)
    try:
        manifest = _head(side, request, device) | _weights(side, writer)
        side.report("forward")
        manifest |= _forward(side, writer)
        if material is None or material.manifest.targets:
            side.report("gradients")
            manifest |= _backward(side, writer)
        if material is None or material.manifest.batches.startswith(DRAWN):
            side.reset()
            manifest |= _trained(side.trained(), side.states, writer, manifest.get("steps", [{}])[0])
    except BaseException:  # Ctrl-C too: nothing half-written stays
        writer.abandon()
        raise
    writer.finish(manifest)
    return request.out


def _head(side: ObservedSide, request: RecordRequest, device: str) -> dict[str, Any]:
    framework, _, backend = request.track.partition(":")
    described = side.describe()
    return {
        "created": standalone.now(),
        "name": request.subject.label,
        "framework": framework,
        "backend": backend,
        "names": "canonical",
        "precision": request.precision,
        "device": device,
        "environment": standalone.environment() | {"packages": versions()},
        "loss": described["loss"],
        "optimizer": described["optimizer"],
        "without_counterpart": described["without_counterpart"],
    }


def _weights(side: ObservedSide, writer: standalone.Writer) -> dict[str, Any]:
    trained = side.model.trainable_names()
    return {
        "weights": [
            {"name": name, "tensor": writer.add(array), "trainable": name in trained}
            for name, array in side.model.weights().items()
        ]
    }


def _forward(side: ObservedSide, writer: standalone.Writer) -> dict[str, Any]:
    inputs = side.exercise.inputs()
    layers, _ = side.probe.trace(inputs)
    calls = []
    for layer in layers:
        values = {role: [writer.add(array) for array in getattr(layer, role)] for role in ("inputs", "outputs")}
        calls.append(
            {"path": layer.path, "kind": layer.kind, "leaf": layer.leaf, "hyperparameters": layer.hyperparameters}
            | values
        )
    return {
        "inputs": [{"name": name, "tensor": writer.add(array)} for name, array in inputs.items()],
        "calls": calls,
        "outputs": _unnamed(side.model.outputs(inputs), writer),
    }


def _unnamed(arrays: Sequence[np.ndarray], writer: standalone.Writer) -> list[dict[str, str]]:
    return [{"name": "", "tensor": writer.add(array)} for array in arrays]


def _backward(side: ObservedSide, writer: standalone.Writer) -> dict[str, Any]:
    shapes = [output.shape for output in side.model.outputs(side.exercise.inputs())]
    targets = side.exercise.targets(shapes)
    gradients, penalty = side.probe.gradients(side.exercise.inputs(), targets), side.probe.penalty()
    side.describe()  # attaches the optimizer again
    side.source.restart()
    loss = side.model.train_step(side.exercise.inputs(), targets)
    side.reset()
    return {
        "targets": _unnamed(targets, writer),
        "penalty_gradients": _keys(penalty.gradients if penalty else {}, writer),
        "steps": [{"number": 1, "loss": loss, "gradients": _keys(gradients, writer)} | _penalty(penalty)],
    }


def _penalty(penalty: Penalty | None) -> dict[str, float]:
    return {"penalty": penalty.value} if penalty else {}


def _keys(arrays: Mapping[str, np.ndarray], writer: standalone.Writer) -> dict[str, str]:
    return {name: writer.add(array) for name, array in arrays.items()}


def _trained(
    trace: Trace, states: Sequence[OptimizerState], writer: standalone.Writer, first: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the steps of the short training; the gradients are those of the first batch, which is its first one."""
    steps = [
        {"number": number, "epoch": trace.epochs[number - 1], "loss": loss, "weights": _keys(weights, writer)}
        for number, (loss, weights) in enumerate(zip(trace.losses, trace.weights, strict=True), start=1)
    ]
    for step, penalty in zip(steps[1:], trace.penalties, strict=False):
        step["penalty"] = penalty
    for step, state in zip(steps, states, strict=False):
        step.update(_remembered(state, writer))
    steps[0] = dict(first) | steps[0]
    return {
        "steps": steps,
        "batches": DRAWN + trace.batches,
        "validation": trace.validation,
        "trained_outputs": _unnamed(trace.trained_outputs, writer),
    }


def _remembered(state: OptimizerState, writer: standalone.Writer) -> dict[str, Any]:
    kept: dict[str, dict[str, str]] = {}
    for name, array in state.slots.items():
        slot, _, weight = name.partition("/")
        kept.setdefault(slot, {})[weight] = writer.add(array)
    return {"updates": state.updates, "state": kept}


@task
def read_weights(request: CanonicalRequest, report: Report) -> Path:
    """Read a recording's weights, under torch's own names, into the pair's torch side.

    Return the folder of evidence with them in canonical form.
    """
    report("reading weights", {})
    track, material = open_torch("auto"), open_recording(request.material)
    model = track.build(request.subject.load().side(mixed(TORCH)), 0, request.precision)
    own = {name: np.array(array) for name, array in material.weights.items()}
    try:
        track.load_own_weights(model, own)
    except BridgeError as error:
        raise UserError(f"'{request.material}' does not fit {request.subject.label}: {error}") from error
    paths = {path: model.canonical_path(path) for path, _ in model.module.named_modules() if path}
    return evidence.save(CanonicalWeights(model.weights(), paths), request.folder)
