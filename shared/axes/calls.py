"""One call of a framework's function or layer, which can be made again with other arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twotrack.shared.axes.values import Value

Again = Callable[[Mapping[int, np.ndarray]], Sequence[np.ndarray]]
"""Makes the call with other arrays in the place of those with these numbers; returns all arrays that come out."""


Where = np.ndarray | tuple
"""Places of an array: where a mask is true, or by index."""
REAL = "fc"
"""Kinds of NumPy's types that can be no number."""
SMALL = 64
"""Of fewer elements a random half may be symmetrical by chance."""


@dataclass(frozen=True)
class Given:
    """An array that the call was given."""

    array: np.ndarray
    value: Value | None
    """None for a constant."""

    @property
    def is_real(self) -> bool:
        """Holds numbers that can be no number."""
        return self.array.dtype.kind in REAL

    @property
    def is_followed(self) -> bool:
        """Comes from the model's inputs."""
        return self.value is not None and not self.value.is_weight

    @property
    def is_weight(self) -> bool:
        """A weight, or made of weights alone."""
        return self.value is not None and self.value.is_weight


@dataclass(frozen=True)
class Call:
    """What went in and came out, and the way to do it again."""

    givens: Sequence[Given]
    results: Sequence[np.ndarray]
    again: Again
    channel_axis: int | None = None
    """Where this function has its channels by the framework's definition; None if it knows of none."""
    name: str = ""
    _halves: dict[int, tuple[np.ndarray, list[np.ndarray] | None]] = field(default_factory=dict)
    _generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def numbered(self) -> list[tuple[int, Given, Value]]:
        """Return what is followed, with its number; the weights if nothing else is."""
        known = [(number, given, given.value) for number, given in enumerate(self.givens) if given.value is not None]
        return [each for each in known if each[1].is_followed] or known

    def repeated(self, replaced: Mapping[int, np.ndarray]) -> "list[np.ndarray] | None":
        """Make the call with other arrays; None if it refuses them."""
        try:
            found = list(self.again(replaced))
        except Exception:  # a function may refuse what it likes
            return None
        return found if len(found) == len(self.results) else None

    def changed(self, number: int, where: Where) -> list[np.ndarray] | None:
        """Return which elements of the results depend on the elements `where` of an array; None if it refuses."""
        found = self.repeated({number: disturbed(self.givens[number].array, where)})
        if found is None:
            return None
        return [_difference(result, other) for result, other in zip(self.results, found, strict=True)]

    def half_changed(self, number: int) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Return a random half of an array's elements, and which elements of the results depend on it."""
        if number not in self._halves:
            where = self.half(self.givens[number].array.shape)
            self._halves[number] = (where, self.changed(number, where))
        return self._halves[number]

    def half(self, shape: tuple[int, ...]) -> np.ndarray:
        """Draw about half of an array's elements, at least one."""
        size = int(np.prod(shape))
        if size < SMALL:
            return (self._generator.permutation(size) < max(1, size // 2)).reshape(shape)
        bits = np.frombuffer(self._generator.bytes(size // 8 + 1), np.uint8)
        return np.unpackbits(bits, count=size).astype(bool).reshape(shape)

    def shuffled(self, size: int) -> np.ndarray:
        """Draw an order of `size` that is not the natural one."""
        order = self._generator.permutation(size)
        return np.roll(order, 1) if (order == np.arange(size)).all() else order


def disturbed(array: np.ndarray, where: Where) -> np.ndarray:
    """Return a copy with NaN at some places, or with other values of the same kind."""
    if array.dtype.kind in REAL and isinstance(where, np.ndarray):
        return np.where(where, np.array(np.nan, array.dtype), array)
    other = array.copy()
    if array.dtype.kind in REAL:
        other[where] = np.nan
    elif array.dtype == bool:
        other[where] ^= True
    else:
        other[where] = (array[where] + 1) % max(int(array.max(initial=0)) + 1, 2)
    return other


def _difference(result: np.ndarray, other: np.ndarray) -> np.ndarray:
    if result.shape != other.shape:
        return np.ones(result.shape, bool)
    if result.dtype.kind not in REAL:
        return result != other
    spoiled = np.isnan(other) & ~np.isnan(result)
    return spoiled if spoiled.any() else (result != other) & ~np.isnan(result)
