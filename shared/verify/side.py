"""One side of a pair, as the rungs look at it: in one precision, on drawn weights or on the user's own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from twotrack.shared.base.arrays import copies
from twotrack.shared.base.memory import give_back_free_memory, keep_free_memory
from twotrack.shared.base.sizes import LARGE_WEIGHT, TRAINED_ALONE, values_of
from twotrack.shared.runs.fitting import Listener, Step
from twotrack.shared.spec.draws import AS_COUNTED, Alignment, SharedDraws
from twotrack.shared.spec.probe import Probe
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.verify import keeping, wide
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.drawn_weights import Start, start_of
from twotrack.shared.verify.exercise import EPOCHS, STEPS_PER_EPOCH, Exercise, Rehearsal
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.passes import LARGE_WEIGHTS
from twotrack.shared.verify.starts import ENOUGH, MOST_DRAWS, MOST_NUMBERS, claimed
from twotrack.shared.verify.suspects import STATISTICS
from twotrack.shared.verify.trace import KeepCall, Kind, Trace
from twotrack.shared.weights.made import MadeWeights

KEPT_LIMIT = 2_000_000
"""Values of the weights that are kept in full after every step; of the last step all weights are."""


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
        again = self._drawn_again()
        with nullcontext() if exercise.pair.same_start else track.any_initial_values():
            self.model: TrackModel = track.build(exercise.pair, 0, precision)
        self._changed = ExitStack()  # as long as the side is there
        self._changed.enter_context(track.changed(self.model, exercise.changes))
        self.probe: Probe = self.model.probe()
        self._shapes = self.model.shapes()
        exercise.is_large = self.is_large
        if self.needs_room:
            keep_free_memory()
        self.left_out = {name: array.shape for name, array in self.model.unused().items()}
        self._drawn = self._starts(again)
        self._has: tuple[Exercise, float] | None = None
        """Whose weights the model has, and how many times as large, but for those that a pass may have moved."""
        self.source = SharedDraws(0, alignment)
        self.model.draw_from(self.source)
        self.reset()
        if self.needs_room:
            give_back_free_memory()  # of what looked for axes, and of the weights that the framework drew

    @property
    def _shows_start(self) -> bool:
        return self.precision == "float64" and not self.exercise.has_data

    def _drawn_again(self) -> list[dict[str, np.ndarray]]:
        """Return what the framework draws as weights that are claimed to start alike, by other seeds: few tell little.

        Weights that are the same each time are filled in; of those more draws tell nothing.
        """
        found: list[dict[str, np.ndarray]] = []
        patterns = self.exercise.pair.same_start
        while self._shows_start and patterns and len(found) < MOST_DRAWS:
            self._phase("initial weights")
            model = self.track.build(self.exercise.pair, len(found) + 1, self.precision)
            with self.track.changed(model, self.exercise.changes):
                own = model.live_weights()
                found.append({name: np.array(own[name]) for name in sorted(claimed(patterns, model.shapes()))})
            if _is_enough(found):
                break
        return found

    def _starts(self, again: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Start]:
        """Return what the framework drew as weights; nothing of a large model, nor of one whose data set says.

        Large weights of a model were not drawn, as others take their place at once, unless the pair claims something
        of them.
        """
        if not self._shows_start:
            return {}
        own = self.model.live_weights()
        told = {name: start_of(own[name], *(one[name] for one in again), claimed=True) for name in (again or [{}])[0]}
        if self.is_large or self.exercise.changes:
            return told
        drawn = [name for name, shape in self._shapes.items() if 0 < prod(shape) < LARGE_WEIGHT]
        return {name: start_of(own[name]) for name in drawn if name not in told} | told

    def keeps_all(self, kind: Kind) -> bool:
        """Tell whether all values of a kind are kept; else digests of them."""
        return kind in self.exercise.in_full or not self.is_large

    def _trace(self, **more: Any) -> Trace:
        """Return an empty trace, of digests where these are kept."""
        has_digests = not self.keeps_all("gradients")
        return Trace(digested=has_digests, weights_digested=not self.keeps_all("weights"), **more)

    @property
    def is_large(self) -> bool:
        """The weights are too many for copies of all of them."""
        return values_of(self._shapes) > self.exercise.large_from

    @property
    def needs_room(self) -> bool:
        """The weights are too many for what nobody needs any more to stay in memory."""
        return values_of(self._shapes) > min(self.exercise.large_from, TRAINED_ALONE)

    @property
    def trains_many(self) -> bool:
        """The weights that training updates are too many for several optimizers at once."""
        return values_of(self.trained_shapes()) > min(self.exercise.large_from, TRAINED_ALONE)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The canonical shapes of all weights."""
        return self._shapes

    @property
    def keep_call(self) -> KeepCall:
        """What is kept of a layer's call."""
        return keeping.in_full if self.keeps_all("layers") else keeping.Digesting()

    def _kept(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return copies(arrays) if self.keeps_all("gradients") else keeping.digested_weights(arrays)

    def reset(self, scale: float = 1.0) -> None:
        """Give all weights the exercise's values again, times `scale`; go back to the first step's random numbers.

        Of a large model those that nothing has moved stay.
        """
        only = self.model.moving_names() if self.is_large and self._has == (self.exercise, scale) else None
        self.model.load_weights(self.exercise.weights(self._shapes, scale), only)
        self._has = self.exercise, scale
        self.model.load_unused(draw_weights(self.left_out))
        self.source.restart()

    def start(self) -> MadeWeights:
        """Return the weights that a training begins with."""
        return self.exercise.weights(self._shapes)

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Give all weights other values for a while."""
        self._has = None
        self.model.load_weights(weights)

    def put_through(self, exercise: Exercise) -> None:
        """Go on with other weights and inputs, of the same pair."""
        exercise.is_large, self.exercise = self.is_large, exercise
        self.reset()

    def trained_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the canonical shapes of the weights that training updates."""
        trained = self.model.trainable_names()
        return {name: shape for name, shape in self._shapes.items() if name in trained}

    def report(self, phase: str) -> None:
        """Tell whoever waits what the side is doing."""
        self._phase(phase)

    def describe(self) -> dict[str, Any]:
        """Return what the side says of itself, with loss and optimizer attached."""
        self.model.compile(self.exercise.pair.optimizer, self.exercise.pair.learning_rates(1))
        return {
            "parameters": self._shapes,
            "by_rules": len(set(self.exercise.pair.weight_rules) - set(self.exercise.pair.weight_map.constants)),
            "constants": tuple(self.exercise.pair.weight_map.constants),
            "kept": self.exercise.pair.kept_torch,
            "without_counterpart": self.probe.without_counterpart(),
            "input_kinds": {spec.kind for spec in self.exercise.pair.specs.values()},
            "own_methods": tuple(self.probe.own_methods),
            "is_compiled": self.probe.is_compiled,
            "asked_for_float32": self.probe.asked_for_float32(),
            "given": self.model.given,
            "has_own_loop": self.has_own_loop,
            **self._stated(),
        }

    def let_go(self) -> None:
        """Free what a training, or a look at gradients, leaves of many weights; loss and weights stay."""
        if self.needs_room:
            self.model.end_training()

    @property
    def has_own_loop(self) -> bool:
        """The user's own function trains it."""
        return self.exercise.pair.train is not None

    def _stated(self) -> dict[str, Any]:
        """Return what the loss and the optimizer say of themselves; nothing where a function of the user's has them."""
        if self.has_own_loop:
            return {of: {"kind": "the user's own", "from_logits": True} for of in ("loss", "optimizer")}
        return {"loss": self.probe.loss(), "optimizer": self.probe.optimizer()}

    def outputs(self) -> list[np.ndarray]:
        """Return what the model gives on the first batch, in inference mode."""
        return self.model.outputs(self.exercise.inputs())

    def trace(self) -> Trace:
        """Return what the side computes: forward, backward and, in float64, in a short training."""
        trace, inputs = self._trace(drawn=self._drawn), self.exercise.inputs()
        self.report("forward")
        self.probe.visit(inputs, lambda call: trace.layers.append(self.keep_call(call)))
        trace.outputs = self.model.outputs(inputs)
        self.report("gradients")
        if not self.has_own_loop:
            trace.gradients = self._kept(self.live_gradients())
            self.let_go()
            trace.penalty_gradients = self._kept(self._note_penalty(trace))
        if self.exercise.has_own_weights and not (self.is_large and self.exercise.in_full):  # they were compared before
            trace.start = self._kept(self.model.live_weights())
        trace.on_drawn = self._on_drawn()
        if self.precision == "float64":
            self._read_rows(trace)
            if not self.has_own_loop:
                self._note_added(trace)
        if self.precision == "float64":
            self._train(trace)
            kinds = [] if self.has_own_loop else self.probe.relaxations()
            trace.relaxed = {kind: self._relaxed(kind) for kind in kinds}
        return trace

    def _on_drawn(self) -> Trace | None:
        """Return gradients on drawn weights and inputs too, where the side has others: these may hide a difference."""
        own = self.exercise
        if own.drawn is own or self.has_own_loop:
            return None
        self.put_through(own.drawn)
        found = self._trace(gradients=self._kept(self.live_gradients()))
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
        return copies(self.live_gradients())

    def live_gradients(self) -> Mapping[str, np.ndarray]:
        """Return the same, each read when it is asked for, before the model computes anything else."""
        return self.probe.live_gradients(self.exercise.inputs(), self.exercise.targets(self._output_shapes))

    def trained(self) -> Trace:
        """Return what a short training shows, from the weights that the model has."""
        trace = self._trace()
        self._train(trace)
        return trace

    def _train(self, trace: Trace) -> None:
        """Keep what a short training shows, with the same random draws each time."""
        self.source.restart()
        rehearsal = self.rehearse(lambda step: self._keep(trace, step))
        trace.batches, trace.validation, trace.loop = rehearsal.batches, rehearsal.validation, rehearsal.loop
        own = self.model.live_weights()
        trace.weights[-1] = keeping.digested_weights(own) if trace.weights_digested else self.model.weights()
        trace.left_out = self._left_out_steps(len(trace.losses))
        self.model.end_training()
        trace.trained_outputs = self.model.outputs(self.exercise.inputs())

    def _left_out_steps(self, done: int) -> str:
        """Say that fewer steps were done than others do; empty if there were as many."""
        steps = EPOCHS * STEPS_PER_EPOCH
        if self.has_own_loop and done < steps:
            return f"{done} of {steps} steps: the training function ended behind them"
        if not self.is_large or done >= steps:
            return ""
        return f"{done} of {steps} steps, for {values_of(self._shapes):,} weights"

    def _relaxed(self, kind: str) -> Trace:
        """Return what the training shows with other constraints."""
        trace = self._trace()
        self.reset()
        self._note_penalty(trace)
        with self.probe.relaxed(kind):
            self._train(trace)
        return trace

    def _note_penalty(self, trace: Trace) -> dict[str, np.ndarray]:
        """Keep the penalty that the weights have now, if the side has any; return its gradients."""
        penalty = None if self.has_own_loop else self.probe.penalty()
        if penalty is None:
            return {}
        trace.penalties.append(penalty.value)
        return penalty.gradients

    def rehearse(self, listen: Listener) -> Rehearsal:
        """Go through the short training, from the weights that the model has."""
        self.report("training")
        self._has = None
        return self.exercise.rehearse(self.model, self._output_shapes, listen)

    @cached_property
    def _output_shapes(self) -> list[tuple[int, ...]]:
        return [output.shape for output in self.model.outputs(self.exercise.inputs())]

    def _keep(self, trace: Trace, step: Step) -> None:
        """Keep the loss and, as far as the limit allows, the weights after a step."""
        trace.losses.append(step.loss)
        trace.epochs.append(step.epoch)
        self._note_penalty(trace)
        self.forget_step()
        if step.gradients is not None:
            trace.recorded.append(dict(step.gradients))
        own, names = self.model.live_weights(), self._moved if trace.weights_digested else self._kept_in_full
        kept = MadeWeights({name: self._shapes[name] for name in names}, lambda name, _: own[name])
        trace.weights.append(keeping.digested_weights(kept) if trace.weights_digested else copies(kept))

    def forget_step(self) -> None:
        """Free what a step on many weights computed: it may hang in a circle of references."""
        if self.needs_room:
            give_back_free_memory()

    @cached_property
    def _kept_in_full(self) -> list[str]:
        """Names of the weights that are kept after every step: those that training moves, the smallest first."""
        if values_of(self._shapes) <= KEPT_LIMIT:
            return list(self._shapes)
        by_size = sorted(self._moved, key=lambda name: prod(self._shapes[name]))
        total = np.cumsum([prod(self._shapes[name]) for name in by_size])
        chosen = set(by_size[: int(np.searchsorted(total, KEPT_LIMIT, "right"))])
        return [name for name in self._shapes if name in chosen]

    @property
    def _moved(self) -> list[str]:
        """Names of the weights that training moves."""
        trained = self.model.trainable_names()
        return [name for name in self._shapes if name in trained or name.rpartition(".")[2] in STATISTICS]


def _is_enough(draws: Sequence[Mapping[str, np.ndarray]]) -> bool:
    """Tell whether every weight that is drawn, and not filled in, was drawn often enough."""
    first = draws[0]
    moving = [name for name in first if any(not np.array_equal(first[name], one[name]) for one in draws[1:])]
    fewest = min((first[name].size for name in moving), default=ENOUGH)
    return (len(draws) > 2 and fewest * len(draws) >= ENOUGH) or sum(map(np.size, first.values())) * len(
        draws
    ) >= MOST_NUMBERS
