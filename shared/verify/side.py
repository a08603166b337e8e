"""One side of a pair, as the rungs look at it: in one precision, on drawn weights or on the user's own."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from twotrack.shared.base.sizes import is_large
from twotrack.shared.runs.fitting import Listener, Step
from twotrack.shared.spec.draws import AS_COUNTED, Alignment, SharedDraws
from twotrack.shared.spec.probe import Probe
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.verify import keeping, wide
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.exercise import Exercise, Rehearsal
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.passes import LARGE_WEIGHTS
from twotrack.shared.verify.suspects import STATISTICS
from twotrack.shared.verify.trace import KeepCall, Trace

KEPT_LIMIT = 2_000_000
"""Values of the weights that are kept after every step; of the last step all weights are."""


class ObservedSide:
    """One side of a pair in one precision, on an exercise's weights; its random numbers are those of the other side."""

    def __init__(
        self,
        exercise: Exercise,
        track: Track,
        precision: Precision,
        phase: Callable[[str], None],
        alignment: Alignment = AS_COUNTED,
    ):
        self.exercise, self.track, self.precision, self._phase = exercise, track, precision, phase
        self.model: TrackModel = track.build(exercise.pair, 0, precision)
        self._changed = ExitStack()  # as long as the side is there
        self._changed.enter_context(track.changed(self.model, exercise.changes))
        self.probe: Probe = self.model.probe()
        self._shapes = self.model.shapes()
        self.left_out = {name: array.shape for name, array in self.model.unused().items()}
        self.source = SharedDraws(0, alignment)
        self.model.draw_from(self.source)
        self.reset()

    @property
    def keeps_all(self) -> bool:
        """All values are kept; else digests of them."""
        return self.exercise.in_full or not self.is_large

    @property
    def is_large(self) -> bool:
        """The weights are too many for copies of all of them."""
        return is_large(self._shapes)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The canonical shapes of all weights."""
        return self._shapes

    @property
    def keep_call(self) -> KeepCall:
        """What is kept of a layer's call."""
        return keeping.in_full if self.keeps_all else keeping.digested

    def _kept(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays if self.keeps_all else keeping.digested_weights(arrays)

    def reset(self, scale: float = 1.0) -> None:
        """Give all weights the exercise's values again, times `scale`; go back to the first step's random numbers."""
        self.model.load_weights(self.exercise.weights(self._shapes, scale))
        self.model.load_unused(draw_weights(self.left_out))
        self.source.restart()

    def put_through(self, exercise: Exercise) -> None:
        """Go on with other weights and inputs, of the same pair."""
        self.exercise = exercise
        self.reset()

    def trained_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the canonical shapes of the weights that training updates."""
        trained = self.model.trainable_names()
        return {name: shape for name, shape in self._shapes.items() if name in trained}

    def report(self, phase: str) -> None:
        """Tell whoever waits what the side is doing."""
        self._phase(phase)

    def describe(self) -> dict[str, Any]:
        """Return what the side says of itself."""
        self.model.compile(self.exercise.pair.optimizer, self.exercise.pair.learning_rates(1))
        return {
            "parameters": self._shapes,
            "by_rules": len(set(self.exercise.pair.weight_rules) - set(self.exercise.pair.weight_map.constants)),
            "constants": tuple(self.exercise.pair.weight_map.constants),
            "without_counterpart": self.probe.without_counterpart(),
            "input_kinds": {spec.kind for spec in self.exercise.pair.specs.values()},
            "is_compiled": self.probe.is_compiled,
            "asked_for_float32": self.probe.asked_for_float32(),
            "given": self.model.given,
            "loss": self.probe.loss(),
            "optimizer": self.probe.optimizer(),
        }

    def outputs(self) -> list[np.ndarray]:
        """Return what the model gives on the first batch, in inference mode."""
        return self.model.outputs(self.exercise.inputs())

    def trace(self) -> Trace:
        """Return what the side computes: forward, backward and, in float64, in a short training."""
        trace, inputs = Trace(digested=not self.keeps_all), self.exercise.inputs()
        self.report("forward")
        self.probe.visit(inputs, lambda call: trace.layers.append(self.keep_call(call)))
        trace.outputs = self.model.outputs(inputs)
        self.report("gradients")
        trace.gradients = self._kept(self.first_gradients())
        trace.penalty_gradients = self._kept(self._note_penalty(trace))
        trace.start = self._kept(self.model.weights()) if self.exercise.has_own_weights else {}
        trace.on_drawn = self._on_drawn()
        if self.precision == "float64":
            self._read_rows(trace)
            self._note_added(trace)
        if self.precision == "float64":
            self._train(trace)
            trace.relaxed = {kind: self._relaxed(kind) for kind in self.probe.relaxations()}
        return trace

    def _on_drawn(self) -> Trace | None:
        """Return gradients on drawn weights and inputs too, where the side has others: these may hide a difference."""
        own = self.exercise
        if own.drawn is own:
            return None
        self.put_through(own.drawn)
        found = Trace(digested=not self.keeps_all, gradients=self._kept(self.first_gradients()))
        self.put_through(own)
        return found

    def _read_rows(self, trace: Trace) -> None:
        """Keep the gradients of all rows of tables of which the short training meets some only."""
        unmet = self.exercise.unmet_ids()
        for name, shape in self.trained_shapes().items():
            if len(shape) == 2 and unmet.get(shape[0]):
                rows = self._row_gradients(name, shape)
                if rows is None:
                    trace.unmet_rows[name] = unmet[shape[0]]
                else:
                    trace.rows[name] = rows

    def _row_gradients(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return a digest of the gradients of a table's rows; None if the weight's layer is no table."""
        try:
            found = self.probe.row_gradients(name, np.random.default_rng(0).normal(size=shape))
        except Exception:  # whatever the framework or the user's own layer raises
            return None
        return digest(found, shape[0])

    def _note_added(self, trace: Trace) -> None:
        """Keep what layers add to the loss, if any do, on ordinary and on wide inputs and weights."""
        pair, trace.added = self.exercise.pair, self.probe.added_losses(self.exercise.inputs())
        for scale in (1.0, LARGE_WEIGHTS) if trace.added else ():
            self.reset(scale)
            for kind in wide.IN_TRAINING:
                added = self.probe.added_losses(wide.inputs(pair.specs, [kind] * pair.batch_size))
                for path, value in added.items():
                    trace.added_at_most[path] = float(np.fmax(trace.added_at_most.get(path, 0.0), abs(value)))
        self.reset()

    def first_gradients(self) -> dict[str, np.ndarray]:
        """Return the gradients of the first batch, for the weights that the model has."""
        return self.probe.gradients(self.exercise.inputs(), self.exercise.targets(self._output_shapes))

    def trained(self) -> Trace:
        """Return what a short training shows, from the weights that the model has."""
        trace = Trace(digested=not self.keeps_all)
        self._train(trace)
        return trace

    def _train(self, trace: Trace) -> None:
        """Keep what a short training shows, with the same random draws each time."""
        self.source.restart()
        rehearsal = self.rehearse(lambda step: self._keep(trace, step))
        trace.batches, trace.validation = rehearsal.batches, rehearsal.validation
        trace.weights[-1] = self._kept(self.model.weights())
        self.model.end_training()
        trace.trained_outputs = self.model.outputs(self.exercise.inputs())

    def _relaxed(self, kind: str) -> Trace:
        """Return what the training shows with other constraints."""
        trace = Trace(digested=not self.keeps_all)
        self.reset()
        self._note_penalty(trace)
        with self.probe.relaxed(kind):
            self._train(trace)
        return trace

    def _note_penalty(self, trace: Trace) -> dict[str, np.ndarray]:
        """Keep the penalty that the weights have now, if the side has any; return its gradients."""
        penalty = self.probe.penalty()
        if penalty is None:
            return {}
        trace.penalties.append(penalty.value)
        return penalty.gradients

    def rehearse(self, listen: Listener) -> Rehearsal:
        """Go through the short training, from the weights that the model has."""
        self.report("training")
        return self.exercise.rehearse(self.model, self._output_shapes, listen)

    @cached_property
    def _output_shapes(self) -> list[tuple[int, ...]]:
        return [output.shape for output in self.model.outputs(self.exercise.inputs())]

    def _keep(self, trace: Trace, step: Step) -> None:
        """Keep the loss and, as far as the limit allows, the weights after a step."""
        trace.losses.append(step.loss)
        trace.epochs.append(step.epoch)
        self._note_penalty(trace)
        names = self._kept_at_every_step
        own = self.model.weights() if names else {}
        trace.weights.append({name: array for name, array in own.items() if name in names})

    @cached_property
    def _kept_at_every_step(self) -> set[str]:
        """All weights of a small model; of a larger one those that training moves; of a large one none."""
        moving = {name for name in self._shapes if name.rpartition(".")[2] in STATISTICS}
        for names in (set(self._shapes), self.model.trainable_names() | moving):
            if sum(prod(self._shapes[name]) for name in names) <= KEPT_LIMIT:
                return names
        return set()
