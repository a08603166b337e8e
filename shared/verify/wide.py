"""Values that ordinary inputs do not have: of every size and sign, ties, constants, offsets; the same in every process.

A batch is made of rows, each of one kind, so that a small row is not drowned by a large one. A row depends on its name,
kind and number alone, not on the batch that it stands in. To try more values, add a kind to `KINDS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from zlib import crc32

import numpy as np

from twotrack.shared.spec.inputs import Input
from twotrack.shared.verify.material import padded

Draw = Callable[[np.random.Generator, int], np.ndarray]
"""Maps a generator and a number of values to that many."""


@dataclass(frozen=True)
class Kind:
    """One kind of row."""

    text: str
    """As a message has it: "on values ..."."""
    draw: Draw


def of_size(size: float) -> Draw:
    """Return what draws normal values of a size."""
    return lambda generator, count: size * generator.normal(size=count)


def constant(value: float) -> Draw:
    """Return what gives one value throughout. It has few digits, so that sums and means of it are exact."""
    return lambda generator, count: np.full(count, value)


def around(offset: float) -> Draw:
    """Return what draws normal values about an offset, a hundred times their own size.

    Further out float32 has no digits left of a variance that is a difference of squares, and measures no rounding.
    """
    return lambda generator, count: offset + abs(offset) / 100 * generator.normal(size=count)


def one_sided(size: float) -> Draw:
    """Return what draws values of the sign of `size`."""
    return lambda generator, count: size * np.abs(generator.normal(size=count))


def halves(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draw multiples of 1/2 from -3 to 3: many are equal, and many lie where a function has a corner."""
    return generator.integers(-6, 7, count) / 2


def one_hot(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return zeros and a single 1."""
    return (np.arange(count) == generator.integers(count)).astype(float)


def every_size(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draw values of either sign whose logarithms are uniform, from 1e-9 to 1e7."""
    return generator.choice([-1.0, 1.0], count) * 10 ** generator.uniform(-9, 7, count)


def moderate(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draw values of either sign, from 1 to 1000, where activations and clips have their corners."""
    return generator.choice([-1.0, 1.0], count) * 10 ** generator.uniform(0, 3, count)


KINDS: tuple[Kind, ...] = (
    Kind("of size 1", of_size(1)),
    Kind("of size 1e-8", of_size(1e-8)),
    Kind("of size 1e-4", of_size(1e-4)),
    Kind("of size 0.01", of_size(0.01)),
    Kind("of size 10", of_size(10)),
    Kind("of size 100", of_size(100)),
    Kind("of size 1e4", of_size(1e4)),
    Kind("of size 1e6", of_size(1e6)),
    Kind("that are all 0", constant(0.0)),
    Kind("that are all 7", constant(7.0)),
    Kind("that are all -2", constant(-2.0)),
    Kind("with many ties", halves),
    Kind("that are 0 but for one", one_hot),
    Kind("around 1e4", around(1e4)),
    Kind("around -1e4", around(-1e4)),
    Kind("that are all positive", one_sided(3)),
    Kind("that are all negative", one_sided(-30)),
    Kind("of every size", every_size),
    *(Kind("of sizes from 1 to 1000", moderate),) * 6,
)
MIXED = -1
"""In place of a kind: any kind, another one for every name."""
_TELLING = {
    "of size 1", "of size 1e-4", "of size 100", "of size 1e4", "that are all 0", "with many ties",
    "that are all negative",
}  # fmt: skip
ALL = (*range(len(KINDS)), *(MIXED,) * 8)
FEW = (*(number for number, kind in enumerate(KINDS) if kind.text in _TELLING), MIXED)
"""For a large model."""
_SIZES_IN_TRAINING = {"of size 1", "of size 1e-8", "of size 1e-4", "of size 100", "of size 1e4"}
IN_TRAINING = tuple(number for number, kind in enumerate(KINDS) if kind.text in _SIZES_IN_TRAINING)
"""Kinds for the training mode, each in a batch of its own: batch normalisation joins the rows of a batch there."""


def rows(name: str, kinds: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    """Return one row of every kind (rows, *shape) for what bears that name."""
    drawn = [_row(name, number, kind, prod(shape)) for number, kind in enumerate(kinds)]
    return np.array(drawn).reshape(len(kinds), *shape)


def shaken(values: np.ndarray, draw: int) -> np.ndarray:
    """Return values each of which float32 rounds to itself or to a neighbour; those of draw 0 stay as they are."""
    if not draw:
        return values
    steps = np.random.default_rng([draw, values.size]).integers(-1, 2, values.shape)
    return values * (1 + steps * 2.0**-23)


def text(kind: int) -> str:
    """Return what a message calls a row."""
    return "of mixed sizes" if kind == MIXED else KINDS[kind].text


def _row(name: str, number: int, kind: int, count: int) -> np.ndarray:
    generator = np.random.default_rng([crc32(name.encode()), number])
    chosen = generator.integers(len(KINDS)) if kind == MIXED else kind
    return KINDS[chosen].draw(generator, count)


# === Inputs of a model ===

TokenRow = Callable[[np.random.Generator, int, int], np.ndarray]
"""Maps a generator, a number of tokens and of different ones to that many tokens."""

TOKENS: tuple[TokenRow, ...] = (
    lambda generator, count, size: generator.integers(0, size, count),
    lambda generator, count, size: np.full(count, size - 1),
    lambda generator, count, size: np.full(count, min(1, size - 1)),
    lambda generator, count, size: np.resize([0, size - 1, min(1, size - 1)], count),
    lambda generator, count, size: np.repeat(generator.integers(0, size, count), 2)[:count],
    lambda generator, count, size: np.arange(count)[::-1] % size,
)
"""Any, the last, the second, these and the first, repeats, in order. A row of the first alone, which some models take
for no tokens at all and refuse, is one of `empty`."""

MaskRow = Callable[[np.random.Generator, int], np.ndarray]
MASKS: tuple[MaskRow, ...] = (
    lambda generator, count: np.arange(count) < generator.integers(1, count + 1),
    lambda generator, count: np.ones(count, bool),
    lambda generator, count: np.arange(count) < 1,
    lambda generator, count: np.arange(count) < max(1, count - 1),
)
"""A tail is hidden, nothing, all but one, one. What is there stands in front, as everywhere in twotrack."""
HOLES: tuple[MaskRow, ...] = (
    lambda generator, count: generator.permutation(np.arange(count) <= generator.integers(count)),
    lambda generator, count: np.arange(count) == count // 2,
    lambda generator, count: np.arange(count) == count - 1,
    lambda generator, count: np.arange(count) != count // 2,
    lambda generator, count: np.arange(count) >= min(1, count - 1),
    lambda generator, count: np.arange(count) % 2 == 0,
)
"""Any places are there, one in the middle, the last, all but one in the middle, all but the first, every other one."""
NOTHING: tuple[MaskRow, ...] = (lambda generator, count: np.zeros(count, bool),)
"""Nothing is there."""


def inputs(
    specs: Mapping[str, Input], kinds: Sequence[int], sizes: Mapping[int, int] | None = None, draw: int = 0
) -> dict[str, np.ndarray]:
    """Return a row of every kind for every input (rows, ...), by name; `draw` tells draws of the same kinds apart.

    Masks go through kinds of their own, and so do tokens, but for a batch of ordinary rows. `sizes` gives open axes
    another size, by the one that they have.
    """
    shapes = {name: resized(spec, sizes or {}) for name, spec in specs.items()}
    return {name: _input(f"{name} {draw}", spec, kinds, shapes[name]) for name, spec in specs.items()}


def resized(spec: Input, sizes: Mapping[int, int]) -> tuple[int, ...]:
    """Return an input's shape without batch, open axes in other sizes; the last axis of numbers counts features."""
    fixed = spec.shape[-1:] if spec.kind == "real" else ()
    return tuple(sizes.get(size, size) for size in spec.shape[: len(spec.shape) - len(fixed)]) + fixed


def _input(name: str, spec: Input, kinds: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    if spec.kind == "real":
        return rows(name, kinds, shape)
    generators = [np.random.default_rng([crc32(name.encode()), number]) for number in range(len(kinds))]
    if spec.kind == "mask":
        return _masks(MASKS, generators, shape)
    chosen = [0] * len(kinds) if set(kinds) == {0} else range(len(kinds))
    drawn = [
        TOKENS[number % len(TOKENS)](each, prod(shape), spec.size)
        for number, each in zip(chosen, generators, strict=True)
    ]
    return padded(np.array(drawn).reshape(len(kinds), *shape))


def masked(specs: Mapping[str, Input], kinds: Sequence[MaskRow], count: int) -> dict[str, np.ndarray]:
    """Return `count` ordinary rows for every input, by name, with these kinds of masks, and the token 0 likewise."""

    def hidden(spec: Input, array: np.ndarray) -> np.ndarray:
        if spec.kind == "real":
            return array
        generators = [np.random.default_rng([len(kinds), number]) for number in range(count)]
        shown = _masks(kinds, generators, spec.shape)
        return shown if spec.kind == "mask" else np.where(shown, np.maximum(array, 1), 0)

    return {name: hidden(specs[name], array) for name, array in inputs(specs, [0] * count).items()}


def empty(specs: Mapping[str, Input], count: int) -> dict[str, np.ndarray]:
    """Return `count` ordinary rows for every input, by name, whose tokens are all 0, as of padding alone."""
    drawn = inputs(specs, [0] * count)
    return {name: np.zeros_like(array) if specs[name].kind == "tokens" else array for name, array in drawn.items()}


def _masks(kinds: Sequence[MaskRow], generators: Sequence[np.random.Generator], shape: tuple[int, ...]) -> np.ndarray:
    drawn = [kinds[number % len(kinds)](each, prod(shape)) for number, each in enumerate(generators)]
    return np.array(drawn).reshape(len(generators), *shape)


def whole(specs: Mapping[str, Input], given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return inputs of which nothing is hidden, neither by a mask nor by the token 0, which may stand for padding."""
    return {name: _WHOLE.get(specs[name].kind, _same)(array) for name, array in given.items()}


def are_whole(specs: Mapping[str, Input], given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return for every row whether nothing is hidden, by a mask or by steps of 0 alone, which may stand for padding."""
    kept = whole(specs, given)
    shown = [(kept[name] == array).reshape(len(array), -1).all(1) for name, array in given.items()]
    sequences = [array for name, array in given.items() if specs[name].kind == "real" and array.ndim == 3]
    return np.all(shown + [np.all(np.any(array, axis=2), axis=1) for array in sequences], axis=0)


def are_empty(specs: Mapping[str, Input], given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return for every row whether all of its tokens are 0, as of padding alone; nowhere if there are no tokens."""
    tokens = [array.reshape(len(array), -1) for name, array in given.items() if specs[name].kind == "tokens"]
    rows = len(next(iter(given.values())))
    return np.all([~array.any(1) for array in tokens], axis=0) if tokens else np.zeros(rows, bool)


def _same(array: np.ndarray) -> np.ndarray:
    return array


_WHOLE: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "mask": np.ones_like,
    "tokens": lambda array: np.maximum(array, 1),
}
