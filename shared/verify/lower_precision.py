"""One step of a side in a lower precision, against float64: how far it is off, and how far rounding can lead.

Weights, inputs and targets are rounded once, here, to the nearest numbers of the precision; the step in the precision,
the truth and every simulated step take them as they are then.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import ROUNDING_REACH
from twotrack.shared.errors import one_line
from twotrack.shared.precision.computing import Computed, Computing
from twotrack.shared.precision.formats import Arithmetic, nearest
from twotrack.shared.precision.rounding import Rounding, simulated
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.spec.track import Precision, Track
from twotrack.shared.verify import evidence
from twotrack.shared.verify.exercise import Exercise, find_exercise
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

DRAWS = 4
"""Simulated steps, at the least."""
MOST_DRAWS = 64
"""Simulated steps of which the farthest makes the bound. More than `DRAWS` are done only while something is farther
off: with each the bound grows, so that what is within it stays so. A ReLU that one step in fifty turns on is found."""
DRAWS_OF_A_FAULT = 8
"""Where something computes in less than the precision, so that the verdict stands already."""

UNDERFLOW = 2.0**-20
"""Of the spread of simulated steps: a number beyond it is no rounding of float64, whose share of any precision's is
2^-29 at the most."""

Values = dict[tuple[str, str], np.ndarray]
"""By kind (layer, outputs, loss, gradient) and name."""


@with_config(WITH_ARRAYS)
@dataclass
class Quantity:
    """What a layer gives, an output, the loss or a gradient: its distance from the truth, and what rounding allows."""

    kind: str
    name: str
    error: float
    """Root mean square of the differences from the truth, over that of the truth."""
    bound: float
    largest_error: float
    """The largest difference, over the largest value of the truth."""
    largest_bound: float
    is_lost: bool = False
    """Rounding alone moves it by as much as it is, so that no digit of it is left: it is zero by mathematics, or as
    good as zero. Errors and bounds are over the largest of its neighbours then: gradients of its layer, else all."""
    is_flushed: bool = False
    """The step has nothing but zeros, where float64 has more than its own rounding."""
    steps_of: str = ""
    """It is as far off as operations lead that round each of their steps to the precision, or add up in it, as those of
    the framework do: these operations."""
    is_half_sum: bool = False
    """It is too far off, and sums that are added up in the precision itself lead as far."""

    @property
    def ratio(self) -> float:
        """Error over bound, of the two measures the larger; at most 1 for what is only rounding."""
        pairs = ((self.error, self.bound), (self.largest_error, self.largest_bound))
        return max(0.0 if error == 0 else error / bound if bound else float("inf") for error, bound in pairs)

    @property
    def is_beyond(self) -> bool:
        """Simulated steps are not finite either: the precision cannot hold it."""
        return not (np.isfinite(self.bound) and np.isfinite(self.largest_bound))

    @property
    def is_wrong(self) -> bool:
        """It is no rounding of the precision."""
        return self.ratio > 1 and not self.is_beyond and not self.steps_of


@with_config(WITH_ARRAYS)
@dataclass
class PrecisionEvidence:
    """What one side's step came to in one precision."""

    arithmetic: str
    refused: str = ""
    """Why nothing was measured."""
    quantities: list[Quantity] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    """What computes in another precision."""
    draws: int = 0
    """Simulated steps."""

    @property
    def run_in(self) -> Precision:
        """What the model was built in: tf32 is how float32 is multiplied."""
        return run_in(self.arithmetic)


def run_in(arithmetic: str) -> Precision:
    """Return the precision that a model is built in."""
    named: dict[str, Precision] = {one: one for one in ("float64", "float32", "bfloat16", "float16")}
    return named.get(arithmetic, "float32")


class PrecisionRequest(SideRequest):
    """One side in one precision."""

    arithmetic: Arithmetic


@task
def measure_precision(request: PrecisionRequest, report: Report) -> Path:
    """Measure; return the folder of a PrecisionEvidence."""
    track, exercise = open_track(request.side.track, "auto"), find_exercise(request.verify, request.side)
    found = Measurement(track, exercise, request.arithmetic, lambda phase: report(phase, {})).run()
    return evidence.save(found, request.folder / request.arithmetic)


class Measurement:
    """Of one side in one precision."""

    def __init__(self, track: Track, exercise: Exercise, arithmetic: Arithmetic, phase: Callable[[str], None]):
        self._track, self._exercise, self._arithmetic, self._phase = track, exercise, arithmetic, phase
        self._format = simulated(arithmetic)

    def run(self) -> PrecisionEvidence:
        """Do a step in the precision, the true one, and simulated ones until it is clear what the first is."""
        refused = self._refusal()
        if refused:
            return PrecisionEvidence(self._arithmetic, refused)
        with ExitStack() as stack:
            self._phase("float64")
            wide = self._side("float64", stack)
            truth = wide.look()
            if not _same(truth, wide.look()):
                return PrecisionEvidence(self._arithmetic, "the step draws random numbers beside dropout")
            targets = wide.targets
        try:
            found, computing = self._low(targets)
        except Exception as error:  # whatever the framework or the user's model raises
            return PrecisionEvidence(self._arithmetic, f"it does not run: {one_line(error)}")
        with ExitStack() as stack:
            return self._judged(truth, found, computing, self._side("float64", stack, targets))

    def _refusal(self) -> str:
        if self._arithmetic == "tf32":
            # Switched on, float32 would not be what it says; and there is no bound for its products yet.
            return "tf32 is arithmetic of GPUs, which twotrack keeps switched off"
        return ""

    def _low(self, targets: "Sequence[np.ndarray]") -> tuple[Values, Computing]:
        """Return what a step in the precision gives, and what its operations compute in."""
        self._phase(self._arithmetic)
        precision = run_in(self._arithmetic)
        with ExitStack() as stack:
            stack.enter_context(self._track.as_written())
            side = self._side(precision, stack, targets)
            found, computing = side.look(), Computing(precision)
            with side.probe.noted(computing):
                side.look()
        return found, computing

    def _side(self, precision: Precision, stack: ExitStack, targets: "Sequence[np.ndarray] | None" = None) -> "_Side":
        return _Side(self._track, self._exercise, precision, self._rounded, stack, targets)

    def _rounded(self, array: np.ndarray) -> np.ndarray:
        """Round what is given to a step; the only place where that is done."""
        return nearest(array, self._format) if array.dtype.kind == "f" else array

    def _judged(self, truth: Values, found: Values, computing: Computing, wide: "_Side") -> PrecisionEvidence:
        computed = computing.found
        spread, rounding = _Spread(truth), Rounding(self._arithmetic, 0)
        wrong = any(one.is_narrower(run_in(self._arithmetic)) for one in computed)
        most = DRAWS_OF_A_FAULT if wrong else MOST_DRAWS
        while rounding.draw < DRAWS or (rounding.draw < most and self._exceeds(spread, found)):
            self._phase(f"rounding {rounding.draw + 1}")
            with wide.probe.rounded(rounding):
                spread.add(wide.look())
            rounding.next()
        quantities = self._quantities(spread, found)
        if not wrong and rounding.results != rounding.sums and any(one.is_wrong for one in quantities):
            poor = (rounding.of_steps & computing.poor) | wide.probe.poor_sums(self._arithmetic)
            quantities = self._explained(quantities, poor, partial(self._spread, truth, wide), found)
        return PrecisionEvidence(self._arithmetic, "", quantities, computed, rounding.draw)

    def _spread(self, truth: Values, wide: "_Side", rounding: Rounding) -> "_Spread":
        """Return how far a few steps lead, rounded in another way."""
        spread = _Spread(truth)
        while rounding.draw < DRAWS_OF_A_FAULT:
            self._phase(f"another rounding {rounding.draw + 1}")
            with wide.probe.rounded(rounding):
                spread.add(wide.look())
            rounding.next()
        return spread

    def _explained(
        self, quantities: list[Quantity], candidates: set[str], reached: Callable[[Rounding], "_Spread"], found: Values
    ) -> list[Quantity]:
        """Tell of what is too far off whether a poor kernel of one operation leads as far, or of all candidates.

        If none does, whether all sums in the precision do: no kernel of the framework's is known to add up so.
        """
        wrong = {(one.kind, one.name) for one in quantities if one.is_wrong}

        def explains(rounding: Rounding) -> bool:
            near = {(one.kind, one.name) for one in self._quantities(reached(rounding), found) if one.ratio <= 1}
            return wrong <= near

        def told(**how: Any) -> list[Quantity]:
            return [replace(one, **how) if (one.kind, one.name) in wrong else one for one in quantities]

        several = [tuple(sorted(candidates))] if len(candidates) > 1 else []
        for poor in [*((name,) for name in sorted(candidates)), *several]:
            if explains(Rounding(self._arithmetic, 0, poor=frozenset(poor))):
                return told(steps_of=", ".join(poor))
        is_half_sum = explains(Rounding(self._arithmetic, 0, sums_as_results=True))
        return told(is_half_sum=is_half_sum)

    def _exceeds(self, spread: "_Spread", found: Values) -> bool:
        return any(one.is_wrong for one in self._quantities(spread, found))

    def _quantities(self, spread: "_Spread", found: Values) -> list[Quantity]:
        return [spread.judge(key, array, self._format.unit, self._format.spacing) for key, array in found.items()]


class _Side:
    """A side that does the same step again and again."""

    def __init__(
        self,
        track: Track,
        exercise: Exercise,
        precision: Precision,
        rounded: Callable[[np.ndarray], np.ndarray],
        stack: ExitStack,
        targets: "Sequence[np.ndarray] | None",
    ):
        pair = exercise.pair
        with track.any_initial_values():
            self.model = track.build(pair, 0, precision)
        stack.enter_context(track.changed(self.model, exercise.changes))
        self.probe = self.model.probe()
        self.probe.remove_dropout()
        self._has_loss = pair.train is None
        self._inputs = {name: rounded(array) for name, array in exercise.inputs().items()}
        self._weights = {name: rounded(array) for name, array in exercise.weights(self.model.shapes()).items()}
        self.model.load_unused(draw_weights({name: one.shape for name, one in self.model.unused().items()}))
        self.model.load_weights(self._weights)
        if targets is None:
            shapes = [output.shape for output in self.model.outputs(self._inputs)]
            targets = [rounded(np.asarray(one)) for one in exercise.targets(shapes)]
        self.targets = targets

    def look(self) -> Values:
        """Do a step from the weights of the start; return all that it gives."""
        found: Values = {}

        def keep(call: LayerTrace) -> None:
            for number, array in enumerate(call.outputs):
                if array.dtype.kind == "f" and array.size:
                    found["layer", f"{call.path}#output{number + 1}" if number else call.path] = _wide(array)

        self.model.load_weights(self._weights)
        outputs = self.probe.visit(self._inputs, keep, training=True)
        for number, array in enumerate(outputs):
            found["outputs", f"{number + 1}"] = _wide(array)
        if self._has_loss:
            self.model.load_weights(self._weights)
            loss, gradients = self.probe.loss_and_gradients(self._inputs, self.targets)
            found["loss", "loss"] = np.array([loss], np.float64)
            for name in gradients:
                found["gradient", name] = _wide(gradients[name])
        return found


def _wide(array: np.ndarray) -> np.ndarray:
    return np.array(array, np.float64)


def _same(one: Values, other: Values) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)


class _Spread:
    """How far simulated steps are from the truth."""

    def __init__(self, truth: Values):
        self._truth = truth
        self._sizes = {key: _size(array) for key, array in truth.items()}
        self._distances: dict[tuple[str, str], Measures] = dict.fromkeys(truth, (0.0, 0.0))

    def add(self, values: Values) -> None:
        """Take a step into account."""
        for key, before in self._distances.items():
            now = _distance(values[key], self._truth[key])
            self._distances[key] = (max(before[0], now[0]), max(before[1], now[1]))

    def judge(self, key: tuple[str, str], found: np.ndarray, unit: float, spacing: float) -> Quantity:
        """Return how far a step is off, and how far it may be: a number's own rounding, at the least."""
        errors, own, reached = _distance(found, self._truth[key]), self._sizes[key], self._distances[key]
        bounds = [ROUNDING_REACH * spread + unit * size + spacing for size, spread in zip(own, reached, strict=True)]
        is_lost = self._is_lost(key)
        by = [scale or 1.0 for scale in (self._around(key) if is_lost else own)]
        is_flushed = not found.any() and own[0] > UNDERFLOW * reached[0] > 0
        measures = (errors[0] / by[0], bounds[0] / by[0], errors[1] / by[1], bounds[1] / by[1])
        return Quantity(*key, *measures, is_lost, is_flushed)

    def _is_lost(self, key: tuple[str, str]) -> bool:
        return self._distances[key][0] >= self._sizes[key][0]

    def _around(self, key: tuple[str, str]) -> "Measures":
        """Return the largest sizes of what is left of its layer's gradients, or of all of its kind."""
        kind, name = key
        left = [(other, size) for other, size in self._sizes.items() if other[0] == kind and not self._is_lost(other)]
        layer = name.rpartition(".")[0]
        of_layer = [size for (_, other), size in left if kind == "gradient" and other.rpartition(".")[0] == layer]
        sizes = of_layer or [size for _, size in left]
        return max((one[0] for one in sizes), default=0.0), max((one[1] for one in sizes), default=0.0)


Measures = tuple[float, float]
"""A root mean square and a largest size."""


def _size(values: np.ndarray) -> Measures:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0, float(np.abs(values).max(initial=0.0))


def _distance(values: np.ndarray, truth: np.ndarray) -> Measures:
    """Return the root mean square of the differences, and the largest; infinity where a value is not finite."""
    if values.shape != truth.shape or not np.isfinite(values).all():
        return float("inf"), float("inf")
    return _size(values - truth)
