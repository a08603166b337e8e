"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

from collections.abc import Callable
from functools import cached_property, partial
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.runs.fitting import Step
from twotrack.shared.spec.draws import Alignment, SharedDraws
from twotrack.shared.spec.probe import Probe
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.verify import draws
from twotrack.shared.verify.draws import SideDraws, save_draws
from twotrack.shared.verify.exercise import Exercise, find_exercise
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import LayerRequest, SideRequest
from twotrack.shared.verify.suspects import STATISTICS
from twotrack.shared.verify.trace import Trace, load, save
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

NOTHING: Alignment = MappingProxyType({})
KEPT_LIMIT = 2_000_000
"""Values of the weights that are kept after every step; of the last step all weights are."""


@task
def observe(request: SideRequest, report: Report) -> Observation:
    """Return what one side of a pair does, in both precisions; arrays go to the request's folder."""
    report("starting", {})
    try:
        return observation(request, report)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def observation(request: SideRequest, report: Report) -> Observation:
    """Show one side; write a trace for each precision below the request's folder."""
    exercise, track = find_exercise(request.verify), open_track(request.track, "auto")
    folders, description = {}, {}
    for precision in request.precisions:
        phase = partial(_report_phase, report, precision)
        side = ObservedSide(exercise, track, precision, phase, request.alignment)
        if precision == "float64":
            drawn = save_draws(side.draws(), request.folder / "draws")
        description = side.describe()
        folders[precision] = save(side.trace(), request.folder / precision)
    return Observation(**description, folders=folders, drawn=drawn)


def _report_phase(report: Report, precision: Precision, phase: str) -> None:
    report(f"{phase} {precision}", {})


class ObservedSide:
    """One side of a pair in one precision, on drawn weights, with masks and noise that both sides share."""

    def __init__(
        self,
        exercise: Exercise,
        track: Track,
        precision: Precision,
        phase: Callable[[str], None],
        alignment: Alignment = NOTHING,
    ):
        self._exercise, self._phase = exercise, phase
        self.model: TrackModel = track.build(exercise.pair, 0, precision)
        self.probe: Probe = self.model.probe()
        self._shapes = {name: array.shape for name, array in self.model.weights().items()}
        self.model.load_weights(draw_weights(self._shapes))
        self._source = SharedDraws(0, alignment)
        self.model.draw_from(self._source)

    def describe(self) -> dict[str, Any]:
        """Return what the side says of itself."""
        self.model.compile(self._exercise.pair.optimizer, self._exercise.pair.learning_rates(1))
        return {
            "parameters": self._shapes,
            "without_counterpart": self.probe.without_counterpart(),
            "input_kinds": {spec.kind for spec in self._exercise.pair.inputs.values()},
            "loss": self.probe.loss(),
            "optimizer": self.probe.optimizer(),
        }

    def draws(self) -> SideDraws:
        """Return what the side draws in training."""
        self._phase("dropout")
        return draws.observe(self.model, self._exercise.inputs(), self._source)

    def trace(self) -> Trace:
        """Return what the side computes: forward, backward, and in a short training."""
        trace, inputs = Trace(), self._exercise.inputs()
        self._phase("forward")
        trace.layers, _ = self.probe.trace(inputs)
        trace.outputs = self.model.outputs(inputs)
        shapes = [output.shape for output in trace.outputs]
        self._phase("gradients")
        trace.gradients = self.probe.gradients(inputs, self._exercise.targets(shapes))
        self._source.restart()
        self._phase("training")
        rehearsal = self._exercise.rehearse(self.model, shapes, lambda step: self._keep(trace, step))
        trace.batches, trace.validation = rehearsal.batches, rehearsal.validation
        trace.weights[-1] = self.model.weights()
        trace.trained_outputs = self.model.outputs(inputs)
        return trace

    def _keep(self, trace: Trace, step: Step) -> None:
        """Keep the loss and, as far as the limit allows, the weights after a step."""
        trace.losses.append(step.loss)
        trace.epochs.append(step.epoch)
        names = self._kept_at_every_step
        trace.weights.append({name: array for name, array in self.model.weights().items() if name in names})

    @cached_property
    def _kept_at_every_step(self) -> set[str]:
        """All weights of a small model; of a larger one those that training moves; of a large one none."""
        moving = {name for name in self._shapes if name.rpartition(".")[2] in STATISTICS}
        for names in (set(self._shapes), self.model.trainable_names() | moving):
            if sum(prod(self._shapes[name]) for name in names) <= KEPT_LIMIT:
                return names
        return set()


@task
def isolate(request: LayerRequest) -> Path:
    """Run one layer alone on the inputs that the other side's got; return the folder of a trace."""
    side = ObservedSide(find_exercise(request.verify), open_track(request.track, "auto"), "float64", lambda _: None)
    layer = load(request.reference).layers[request.number]
    outputs = side.probe.run_layer(request.path, layer.inputs)
    return save(Trace(outputs=outputs), request.folder / "alone")
