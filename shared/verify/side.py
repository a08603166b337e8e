"""One side of a pair, as the rungs look at it: in one precision, on drawn weights."""

from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any

from twotrack.shared.runs.fitting import Step
from twotrack.shared.spec.probe import Probe
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.verify.exercise import Exercise
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.suspects import STATISTICS
from twotrack.shared.verify.trace import Trace

KEPT_LIMIT = 2_000_000
"""Values of the weights that are kept after every step; of the last step all weights are."""


class ObservedSide:
    """One side of a pair in one precision, without dropout and on drawn weights."""

    def __init__(self, exercise: Exercise, track: Track, precision: Precision, phase: Callable[[str], None]):
        self.exercise, self.precision, self._phase = exercise, precision, phase
        self.model: TrackModel = track.build(exercise.pair, 0, precision)
        self.probe: Probe = self.model.probe()
        self._dropout = self.probe.remove_dropout()
        self._shapes = {name: array.shape for name, array in self.model.weights().items()}
        self.reset()

    def reset(self) -> None:
        """Give all weights their drawn values again."""
        self.model.load_weights(draw_weights(self._shapes))

    def report(self, phase: str) -> None:
        """Tell whoever waits what the side is doing."""
        self._phase(phase)

    def describe(self) -> dict[str, Any]:
        """Return what the side says of itself."""
        self.model.compile(self.exercise.pair.optimizer, self.exercise.pair.learning_rates(1))
        return {
            "parameters": self._shapes,
            "without_counterpart": self.probe.without_counterpart(),
            "dropout": self._dropout,
            "input_kinds": {spec.kind for spec in self.exercise.pair.inputs.values()},
            "asked_for_float32": self.probe.asked_for_float32(),
            "loss": self.probe.loss(),
            "optimizer": self.probe.optimizer(),
        }

    def trace(self) -> Trace:
        """Return what the side computes: forward, backward, and in a short training."""
        trace, inputs = Trace(), self.exercise.inputs()
        self.report("forward")
        trace.layers, _ = self.probe.trace(inputs)
        trace.outputs = self.model.outputs(inputs)
        shapes = [output.shape for output in trace.outputs]
        self.report("gradients")
        trace.gradients = self.probe.gradients(inputs, self.exercise.targets(shapes))
        self.report("training")
        rehearsal = self.exercise.rehearse(self.model, shapes, lambda step: self._keep(trace, step))
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
