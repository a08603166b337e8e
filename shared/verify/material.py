"""What a ladder feeds to both sides: inputs, targets and weights, the same in every process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod, sqrt
from types import MappingProxyType
from zlib import crc32

import numpy as np
import xxhash

from twotrack.shared.datasets.batches import Batch
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.objective import Objective, kinds_of, weights_of, weights_shape
from twotrack.shared.spec.pair import Pair
from twotrack.shared.weights.made import MadeWeights

NO_CONSTANTS: Mapping[str, float] = MappingProxyType({})


class PairBatches:
    """Batches for a pair, the same in every process: drawn targets, and inputs that are drawn unless others are given.

    `inputs` returns those of a step.
    """

    def __init__(
        self,
        pair: Pair,
        output_shapes: Sequence[tuple[int, ...]],
        steps: int,
        inputs: Callable[[int], Mapping[str, np.ndarray]] | None = None,
    ):
        self._pair, self._output_shapes, self._steps = pair, output_shapes, steps
        self._inputs = inputs or (lambda step: draw_inputs(pair, step))

    def __len__(self) -> int:
        """Return the batches in an epoch."""
        return self._steps

    def epoch(self, epoch: int, digest: xxhash.xxh3_128 | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch (0-based); add the bytes of each to `digest`."""
        for step in range(epoch * self._steps, (epoch + 1) * self._steps):
            batch = Batch(self._inputs(step), draw_targets(self._pair, self._output_shapes, step))
            if digest:
                add_bytes(digest, batch)
            yield batch


def add_bytes(digest: xxhash.xxh3_128, batch: Batch) -> None:
    """Add the bytes of a batch to a hash, inputs in the order of their names."""
    for name in sorted(batch.inputs):
        digest.update(np.ascontiguousarray(batch.inputs[name]).data)
    for target in batch.targets:
        digest.update(np.ascontiguousarray(target).data)


def draw_inputs(pair: Pair, step: int) -> dict[str, np.ndarray]:
    """Draw inputs (batch, ...) by name."""
    return {name: _draw_input(spec, pair.batch_size, step, name) for name, spec in pair.specs.items()}


def unmet_ids(pair: Pair, steps: int) -> dict[int, int]:
    """Return how many ids no batch of so many steps holds, by the size of the input that they are for."""
    found: dict[int, int] = {}
    for name, spec in pair.specs.items():
        if spec.kind == "tokens":
            batches = [_draw_tokens(spec, pair.batch_size, step, name) for step in range(steps)]
            missing = spec.size - len(np.unique(batches))
            found[spec.size] = min(missing, found.get(spec.size, missing))
    return found


def draw_targets(pair: Pair, output_shapes: Sequence[tuple[int, ...]], step: int) -> list[np.ndarray]:
    """Draw a target for every output (batch, ...) of the model, then the weights that its loss takes, if any."""
    generator = np.random.default_rng([step, crc32(b"targets")])
    goal, count = pair.objective, len(output_shapes)
    kinds = kinds_of(goal, count)
    targets = [draw_target(generator, *one) for one in zip(output_shapes, kinds, strict=True)]
    return targets + draw_row_weights(goal, output_shapes, step)


def draw_row_weights(goal: Objective, output_shapes: Sequence[tuple[int, ...]], step: int) -> list[np.ndarray]:
    """Draw what a batch brings as weights, for each output (batch, ...) whose loss takes any; all are positive."""
    generator = np.random.default_rng([step, crc32(b"weights")])
    pairs = zip(weights_of(goal, len(output_shapes)), output_shapes, strict=True)
    return [generator.uniform(0.2, 2.0, weights_shape(kind, shape)) for kind, shape in pairs if kind]


def draw_target(generator: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Draw the target of an output (batch, ...)."""
    return _TARGETS[kind](generator, shape)


def _sequences(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw labels (batch, labels), at least one and so few that the steps have room for blanks between equal ones."""
    batch, steps, classes = shape
    labels = max(1, steps // 2)
    lengths = generator.integers(1, labels + 1, (batch, 1))
    drawn = generator.integers(1, max(2, classes), (batch, labels))
    return np.where(np.arange(labels) < lengths, drawn, 0)


def _probabilities(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    drawn = generator.exponential(size=shape)
    return drawn / drawn.sum(-1, keepdims=True)


_TARGETS: Mapping[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "classes": lambda generator, shape: generator.integers(0, shape[-1], shape[:-1]),
    "binary": lambda generator, shape: generator.integers(0, 2, shape).astype(float),
    "real": lambda generator, shape: generator.normal(size=shape),
    "probabilities": _probabilities,
    "counts": lambda generator, shape: generator.poisson(1.5, shape).astype(float),
    "sequences": _sequences,
    "none": lambda generator, shape: np.zeros(shape[:1]),
}


def _draw_input(spec: Input, batch_size: int, step: int, name: str) -> np.ndarray:
    generator = np.random.default_rng([step, crc32(name.encode())])
    shape = (batch_size, *spec.shape)
    if spec.kind == "tokens":
        return _draw_tokens(spec, batch_size, step, name)
    if spec.kind == "mask":  # a different number of real entries per example, at least one, at the front
        lengths = generator.integers(1, spec.shape[-1] + 1, (*shape[:-1], 1))
        return np.arange(spec.shape[-1]) < lengths
    return generator.normal(size=shape)


def _draw_tokens(spec: Input, batch_size: int, step: int, name: str) -> np.ndarray:
    """Draw ids so that every one comes up as early as it can, and those that may mean something in every batch.

    These are the first, which may stand for padding and so stands at an end, the second, the last, and a repeat.
    """
    generator, length = np.random.default_rng([step, crc32(name.encode())]), spec.shape[-1] if spec.shape else 1
    count = batch_size * prod(spec.shape)
    ids = _in_turn(spec.size, step * count, count, name)
    first, *places = generator.permutation(count)
    end = first - first % length + length - 1
    ids[first] = ids[first - (first % length > 0)]
    free = [place for place in places if place != end] or [first]
    special = np.roll([0, 1 % spec.size, spec.size - 1], step)[: (count + step % 2) // 2]
    for number, place in zip(special, np.resize(free, len(special)), strict=True):
        ids[place if number else end] = number
    return padded(ids.reshape(batch_size, *spec.shape))


def padded(ids: np.ndarray) -> np.ndarray:
    """Return ids (..., steps) with the first, which may stand for padding, behind all others; (rows,) as they are."""
    return np.take_along_axis(ids, np.argsort(ids == 0, axis=-1, kind="stable"), -1) if ids.ndim > 1 else ids


def _in_turn(size: int, first: int, count: int, name: str) -> np.ndarray:
    """Return `count` ids from the `first` place on of all ids in random order, again and again."""
    rounds = range(first // size, (first + count - 1) // size + 1)
    orders = [np.random.default_rng([crc32(name.encode()), number, size]).permutation(size) for number in rounds]
    begin = first - rounds[0] * size
    return np.concatenate(orders)[begin : begin + count]


def draw_weights(
    shapes: Mapping[str, tuple[int, ...]], constants: Mapping[str, float] = NO_CONSTANTS, scale: float = 1.0
) -> MadeWeights:
    """Draw float64 weights for which no term of a layer is zero or one, so that none can be left out unseen.

    Each name has a stream of its own: two models agree on every weight that has one name and shape. All are `scale`
    times as large but for `constants`, which one side cannot have otherwise. A weight is drawn when it is asked for.
    """

    def make(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name in constants:
            return np.full(shape, constants[name])
        drawn = _draw_weight(name, shape)
        drawn *= scale
        return drawn

    return MadeWeights(shapes, make)


def _draw_weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draw in place, as a weight may be most of a model: each copy would be in memory beside it."""
    generator = np.random.default_rng([crc32(name.encode()), len(shape)])
    kind = name.rpartition(".")[2]
    if kind == "moving_variance":
        return generator.uniform(0.5, 1.5, shape)
    centre = {"gamma": 1.0, "alpha": 0.25}.get(kind, 0.0)
    if len(shape) < 2 or kind in {"bias", "alpha"}:
        return np.asarray(centre + 0.1 * generator.normal(size=shape))
    drawn = generator.normal(size=shape)
    drawn /= sqrt(max(1, prod(shape[:-1])))
    return drawn
