"""How the numbers of one weight lie in two recordings: alike, with axes permuted, or in an order found by value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Protocol

import numpy as np

_FEW = 64
"""Numbers by which most orders of axes are ruled out."""
_MOST_AXES = 5


class Way(Protocol):
    """Brings what belongs to one weight on two sides (the weight, its gradient) into one order."""

    @property
    def words(self) -> str:
        """What a table says of it."""

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return both sides' numbers, each at the same place."""

    def gradients(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return both sides' gradients, each at the same place."""


class _Alike:
    """Gradients lie as the weight does."""

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return both sides' numbers, each at the same place."""
        raise NotImplementedError

    def gradients(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return them in the weight's order."""
        return self.together(one, other)


@dataclass(frozen=True)
class Same(_Alike):
    """The numbers lie alike."""

    words = "as it is"

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return both as they are."""
        return one[0], other[0]


@dataclass(frozen=True)
class Permuted(_Alike):
    """The other side's axes are permuted; where that leaves another shape, split or joined."""

    axes: tuple[int, ...]
    of_other: bool
    """The permuted axes are the other side's; else the first side's, and the other one has its shape."""

    @property
    def words(self) -> str:
        """Which axes."""
        return f"axes {self.axes}"

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Permute, and give both the shape of the first."""
        if self.of_other:
            return one[0], other[0].transpose(self.axes).reshape(one[0].shape)
        return one[0].transpose(self.axes).reshape(other[0].shape), other[0]


class ByValue(_Alike):
    """The numbers of both sides are sorted by what the weight's values were at the start, which were the same.

    Equal values stand for each other in any order: what goes with them is sorted too.
    """

    words = "in an order found by value"

    def __init__(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]):
        self._starts = _flat(one), _flat(other)

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Sort."""
        (first, second), (start, other_start) = (_flat(one), _flat(other)), self._starts
        return first[np.lexsort((first, start))], second[np.lexsort((second, other_start))]


class Added:
    """One side has two weights of which the sum counts; each of them has the gradient of the sum."""

    words = "a sum"

    def together(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Add."""
        return np.sum(one, axis=0), np.sum(other, axis=0)

    def gradients(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the first."""
        return one[0], other[0]


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])


def way_between(one: np.ndarray, other: np.ndarray, kind: np.dtype) -> Way:
    """Return how the numbers of a weight lie on two sides that have the same ones, compared in the type `kind`."""
    first, second = one.astype(kind, copy=False), other.astype(kind, copy=False)
    for way in _candidates(one.shape, other.shape):
        found = way.together([first], [second])
        if found[0].shape == found[1].shape and _are_equal(*found):
            return way
    return ByValue([first], [second])


def _candidates(one: tuple[int, ...], other: tuple[int, ...]) -> Iterator[Way]:
    if one == other:
        yield Same()
    if max(len(one), len(other)) <= _MOST_AXES:
        yield from (Permuted(axes, True) for axes in permutations(range(len(other))))
        if len(one) != len(other):
            yield from (Permuted(axes, False) for axes in permutations(range(len(one))))


def _are_equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one.flat[:_FEW], other.flat[:_FEW]) and np.array_equal(one, other)
