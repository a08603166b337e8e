"""A model run in ways that its ordinary inputs do not show, and what every layer gave: one side, in its worker.

In a pass whose values are *replaced*, wide rows go on through the model in place of what its layers with weights gave,
the same rows on both sides. So each layer, and each piece of code between two of them, runs on wide values by itself,
and a difference shows where it is made. What is replaced could have come about with other weights.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from pydantic import with_config

from twotrack.shared.base import sizes
from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.probe import LayerTrace, Probe, Replace, keep
from twotrack.shared.verify import wide
from twotrack.shared.verify.digests import PATTERN, SIZE, Digests, differences, digest

BATCH_SIZES = (1, 2, 7)
LEAST_BATCH, LARGEST_BATCH = 4, 64
"""Of wide rows; between them it is the pair's, so that nothing is compiled for another one."""
LARGE_MODEL, LARGE_INPUT = 2_000_000, 100_000
"""Values of a model's weights, and of one example's inputs, from which on a model runs on fewer rows."""
SHAKES = 3
"""More runs in float32, on rows that are rounded another way."""
ROUNDINGS = 4
"""Runs in float64 whose every operation rounds at random."""
LONG = 50
"""To which an open axis is opened, if it is shorter."""
NOT_ALLOWED = "the model states other sizes for its inputs"
RECURRENT = "recurrent_kernel"
ATTENTION = ("query", "key", "value")


@with_config(WITH_ARRAYS)
@dataclass
class Call:
    """What one call of a layer took and gave, as digests."""

    path: str
    kind: str
    inputs: list[np.ndarray] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    replaceable: int = -1
    """Which of the outputs a replacement stands for; -1 for none."""
    strained: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """See LayerTrace; (0,) where nothing looked."""


@with_config(WITH_ARRAYS)
@dataclass
class Pass:
    """One run, or several runs of more rows than one batch has."""

    rows: list[str] = field(default_factory=list)
    """What a message calls each row."""
    fed: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(rows,) The largest absolute value that was given to the model, or replaced in it."""
    whole: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """(rows,) Whether nothing is hidden. What a layer gives for what is hidden may be anything."""
    calls: list[Call] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    """Paths of the layers whose outputs were."""
    error: str = ""
    """Why the model does not take such inputs; empty if it does."""
    empty: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """(rows,) Whether there is nothing but the token 0, which may stand for padding; (0,) where that is not known."""

    @property
    def is_empty(self) -> np.ndarray:
        """The same, as far as it is known."""
        return self.empty if len(self.empty) else np.zeros(len(self.rows), bool)


WIDE = {False: "wide inputs", True: "wide values"}
"""Names of the passes on rows of every kind, by whether what layers give is replaced."""


HIDES_ALL = "a mask hides everything"
MASKED = {"a mask has holes": wide.HOLES, HIDES_ALL: wide.NOTHING}
"""Kinds of masks that may not be meant, by the names of their passes."""
EMPTY = "all tokens are 0"
"""The name of the pass on no other token, which may stand for padding."""
LARGE_WEIGHTS = 1e4
WEIGHED = {"weights 1e4 times as large": LARGE_WEIGHTS, "weights 1e4 times as small": 1e-4}
"""Factors of all weights, by the names of their passes."""


def shaken(name: str, draw: int) -> str:
    """Return the name of a pass on rows that float32 rounds another way."""
    return f"{name}, shaken {draw}" if draw else name


def rounded(name: str, draw: int) -> str:
    """Return the name of a pass whose every operation rounds at random."""
    return f"{name}, rounding {draw}"


def points(weights: Collection[str]) -> set[str]:
    """Return the paths of layers whose outputs are replaced: those with weights.

    Both sides find the same, from canonical names alone. Attention is one layer. The output of a recurrent layer has
    another form on each side, and is bounded, so it stays.
    """
    owners: dict[str, set[str]] = {}
    for name in weights:
        path, _, kind = name.rpartition(".")
        owners.setdefault(path, set()).add(kind)
    attention = {path.rpartition(".")[0] for path in owners if path.rpartition(".")[2] == ATTENTION[0]}
    attention = {path for path in attention if all(f"{path}.{part}" in owners for part in ATTENTION)}
    single = {path for path, kinds in owners.items() if path and RECURRENT not in kinds}
    return {path for path in single if path.rpartition(".")[0] not in attention} | attention - {""}


def rows_at_once(batch_size: int) -> int:
    """Return how many wide rows a batch has, for a pair's batch size."""
    return min(max(batch_size, LEAST_BATCH), LARGEST_BATCH)


class Runner:
    """Runs one side's model on rows that it draws."""

    def __init__(
        self, probe: Probe, inputs: Mapping[str, Input], batch_size: int, weights: Mapping[str, tuple[int, ...]]
    ):
        self._probe, self.inputs, self.points = probe, inputs, points(weights)
        self.batch = rows_at_once(batch_size)
        self.weights = sum(map(prod, weights.values()))
        self.is_largest = self.weights > sizes.LARGE_MODEL
        self.is_large = self.weights > LARGE_MODEL or sum(prod(spec.shape) for spec in inputs.values()) > LARGE_INPUT

    def on(self, inputs: Mapping[str, np.ndarray], training: bool = False) -> Pass:
        """Run on inputs (batch, ...) that are there already; raises what the model does."""
        rows = len(next(iter(inputs.values())))
        return self._traced(inputs, ["ordinary"] * rows, training, keep)

    def again(self, inputs: Mapping[str, np.ndarray]) -> Pass:
        """Run as `on` in inference mode, of a model that may have become unable to."""
        return self._tried(inputs, ["ordinary"] * len(next(iter(inputs.values()))), False, keep)

    def ordinary(self, inputs: Mapping[str, np.ndarray]) -> Pass:
        """Run on inputs (batch, ...) that are there already; a single row twice, if the model takes two.

        What has one row for each example is told so from what has one row whatever the batch, as positions have.
        """
        if len(next(iter(inputs.values()))) == 1:
            twice = self._tried({name: np.repeat(one, 2, axis=0) for name, one in inputs.items()}, ["ordinary"] * 2)
            if not twice.error:
                return twice
        return self.on(inputs)

    def given(self, inputs: Mapping[str, np.ndarray], replaced: Mapping[str, np.ndarray]) -> Pass:
        """Run on inputs (batch, ...) of whatever size, with values in place of what layers give."""
        rows = len(next(iter(inputs.values())))

        def give(path: str, shape: tuple[int, ...]) -> np.ndarray | None:
            return replaced[path] if path in replaced and replaced[path].shape == shape else None

        ran = self._tried(inputs, ["that were looked for"] * rows, False, give)
        moved = [array for name, array in inputs.items() if self.inputs[name].kind == "real"]
        sizes = [_row_sizes(array, rows) for array in (*moved, *replaced.values())]
        ran.fed, ran.replaced = np.max(sizes, axis=0) if sizes else np.zeros(rows), sorted(replaced)
        return ran

    def whole(self, inputs: Mapping[str, np.ndarray]) -> Pass:
        """Run on inputs that are there already, of which nothing is hidden."""
        return self.ordinary(wide.whole(self.inputs, inputs))

    def wide(self, replaced: bool = False, shake: int = 0) -> Pass:
        """Run on rows of every kind, as many batches as that takes; `shake` rounds them another way in float32."""
        return _in_one([self._drawn(row, False, replaced, draw, shake) for draw, row in enumerate(self.kinds)])

    def wide_batch(self, replaced: bool, number: int) -> Pass:
        """Run one batch of `wide` again."""
        return self._drawn(self.kinds[number], False, replaced, number)

    @property
    def batch_sizes(self) -> Sequence[int]:
        """Batch sizes to try, beside the one of wide rows; the small ones, if not even the weights are copied."""
        return BATCH_SIZES[:2] if self.is_largest else BATCH_SIZES

    @property
    def kinds(self) -> list[list[int]]:
        """Kinds of the wide rows of every batch."""
        chosen = wide.FEW if self.is_large else wide.ALL
        count = -(-len(chosen) // self.batch) * self.batch
        return np.resize(chosen, count).reshape(-1, self.batch).tolist()

    def in_training(self) -> Pass:
        """Run in training mode, each batch with rows of one kind, layers with weights replaced."""
        chosen = wide.IN_TRAINING[-1:] if self.is_large else wide.IN_TRAINING
        return _in_one([self._drawn([kind] * self.batch, True, True, draw) for draw, kind in enumerate(chosen)])

    def masked(self, name: str) -> Pass:
        """Run on ordinary values with masks of the kinds of MASKED."""
        return self._tried(wide.masked(self.inputs, MASKED[name], self.batch), ["ordinary"] * self.batch, False, keep)

    def empty(self) -> Pass:
        """Run on ordinary values, and on tokens that are all 0."""
        return self._tried(wide.empty(self.inputs, self.batch), ["ordinary"] * self.batch)

    def weighed(self) -> Pass:
        """Run on ordinary values, which go on through the model in place of what layers with weights give."""
        return self._drawn([0] * self.batch, False, True, 0)

    def sized(self, batch: int, sizes: Mapping[int, int] | None = None) -> Pass:
        """Run on ordinary values, in another batch size or with open axes in other sizes."""
        inputs = wide.inputs(self.inputs, [0] * batch, sizes)
        if not self._probe.allows(inputs):
            return Pass(error=NOT_ALLOWED)
        ran = self._tried(inputs, ["ordinary"] * batch, False, keep)
        # A convolution over fewer values than its kernel has gives nothing in JAX, and a mean of that NaN.
        is_empty = not ran.error and (not ran.outputs or is_not_finite(ran))
        return Pass(error="it gives nothing, or NaN") if is_empty else ran

    def _drawn(self, kinds: Sequence[int], training: bool, replaced: bool, draw: int, shake: int = 0) -> Pass:
        """Run on one batch of rows; if `replaced`, layers with weights give rows of the same kinds."""
        inputs = wide.inputs(self.inputs, kinds, draw=draw)
        for name, spec in self.inputs.items():
            inputs[name] = wide.shaken(inputs[name], shake) if spec.kind == "real" else inputs[name]
        sizes = [_row_sizes(array, len(kinds)) for name, array in inputs.items() if self.inputs[name].kind == "real"]
        paths: list[str] = []

        def give(path: str, shape: tuple[int, ...]) -> np.ndarray | None:
            if path not in self.points or shape[0] % len(kinds):
                return None
            values = wide.shaken(wide.rows(f"{path} {draw}", kinds, (prod(shape) // len(kinds),)), shake)
            sizes.append(_row_sizes(values, len(kinds)))
            paths.append(path)
            return values.reshape(shape)

        ran = self._tried(inputs, [wide.text(kind) for kind in kinds], training, give if replaced else keep)
        ran.fed, ran.replaced = np.max(sizes, axis=0) if sizes else np.zeros(len(kinds)), sorted(set(paths))
        return ran

    def _tried(
        self, inputs: Mapping[str, np.ndarray], rows: list[str], training: bool = False, give: Replace = keep
    ) -> Pass:
        try:
            return self._traced(inputs, rows, training, give)
        except Exception as error:  # whatever a framework or the user's own code raises on such inputs
            return Pass(rows, error=error_in_short(error))

    def _traced(self, inputs: Mapping[str, np.ndarray], rows: list[str], training: bool, give: Replace) -> Pass:
        calls, taken = list[Call](), Digests()
        outputs = self._probe.visit(inputs, lambda layer: calls.append(_call(layer, len(rows), taken)), training, give)
        digests = [each for output in outputs if (each := digest(output, len(rows))) is not None]
        whole, empty = wide.are_whole(self.inputs, inputs), wide.are_empty(self.inputs, inputs)
        return Pass(rows, np.zeros(len(rows)), whole, calls, digests, empty=empty)


def open_sizes(inputs: Mapping[str, Input]) -> Iterator[tuple[int, list[int]]]:
    """Yield the size of every axis that may be open, and the other sizes to try, the likeliest to be taken first."""
    own = {size for spec in inputs.values() for size in (spec.shape[:-1] if spec.kind == "real" else spec.shape)}
    for size in sorted(own):
        yield size, [size + 1, *([LONG] if size < LONG else []), 1]


def _call(layer: LayerTrace, batch: int, taken: Digests) -> Call:
    outputs = [taken.of(array, batch) for array in layer.outputs]
    place = layer.replaceable if layer.outputs and outputs[layer.replaceable] is not None else -1
    kept = [number for number, each in enumerate(outputs) if each is not None]
    return Call(
        layer.path,
        layer.kind,
        [each for array in layer.inputs if (each := taken.of(array, batch)) is not None],
        [each for each in outputs if each is not None],
        kept.index(place) if place in kept else -1,
        np.zeros(0, bool) if layer.strained is None else layer.strained,
    )


def _in_one(parts: Sequence[Pass]) -> Pass:
    """Return several runs as one with all of their rows."""
    failed = next((part for part in parts if part.error), None)
    if failed:
        return failed
    first = parts[0]
    alike = all(_form(part) == _form(first) for part in parts)
    if not alike:
        return replace(first, error="its layers are called in another way from batch to batch")
    calls = [_calls_in_one(calls) for calls in zip(*(part.calls for part in parts), strict=True)]
    outputs = [np.concatenate(each) for each in zip(*(part.outputs for part in parts), strict=True)]
    rows, fed = [row for part in parts for row in part.rows], np.concatenate([part.fed for part in parts])
    whole, empty = (np.concatenate([getattr(part, name) for part in parts]) for name in ("whole", "empty"))
    return Pass(rows, fed, whole, calls, outputs, first.replaced, empty=empty)


def is_same(one: Pass, other: Pass) -> bool:
    """Return whether two passes of one side gave the same, up to rounding: what is random differs by far more."""
    pairs = list(zip(_values(one), _values(other), strict=False))
    return _form(one) == _form(other) and all((differences(*pair) <= 1e-9 * pair[0][:, SIZE]).all() for pair in pairs)


def is_not_finite(ran: Pass) -> bool:
    """Return whether the outputs have NaN or infinity."""
    return any(output[:, PATTERN].any() for output in ran.outputs)


def _values(ran: Pass) -> list[np.ndarray]:
    return [*ran.outputs, *(array for call in ran.calls for array in (*call.inputs, *call.outputs))]


def _form(ran: Pass) -> list:
    return [(call.path, len(call.inputs), len(call.outputs)) for call in ran.calls]


def _calls_in_one(calls: Sequence[Call]) -> Call:
    inputs = [np.concatenate(each) for each in zip(*(call.inputs for call in calls), strict=True)]
    outputs = [np.concatenate(each) for each in zip(*(call.outputs for call in calls), strict=True)]
    strained = np.concatenate([call.strained for call in calls])
    return replace(calls[0], inputs=inputs, outputs=outputs, strained=strained)


def _row_sizes(values: np.ndarray, rows: int) -> np.ndarray:
    return np.abs(values.reshape(rows, -1)).max(1)


def error_in_short(error: Exception) -> str:
    """Return an error's class and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
