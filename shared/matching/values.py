"""Whether two frameworks' values are the same numbers, in whatever order their axes stand."""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from twotrack.shared.matching.signature import distinct, equal, signature

TOLERANCE = 1e-9
"""Of a value's largest number; two float64 computations of a layer differ by far less."""


def orders(value: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the value's numbers (size,) with its axes in every order, the likeliest first."""
    value = np.squeeze(value)
    last, same = [*range(value.ndim)], tuple(range(value.ndim))
    moved = (*last[:1], *last[2:], *last[1:2])  # channels last
    usual = [same, moved]
    others = permutations(range(value.ndim)) if value.ndim <= 5 else []
    for order in dict.fromkeys([*usual, *others]):
        yield value.transpose(order).reshape(-1)[:size]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of two values, relative to the largest number, in the best order of axes."""
    one, other = _comparable(one, other)
    if one.size != other.size or not one.size:
        return np.inf
    scale = max(float(np.abs(one).max()), float(np.abs(other).max()), 1e-300)
    flat = np.asarray(one, np.float64).ravel()
    return min(float(np.abs(flat - moved).max()) / scale for moved in orders(other, other.size))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two values are the same numbers in some order of axes."""
    one, other = _comparable(one, other)
    if one.size != other.size or not equal(signature(one), signature(other)[None])[0]:
        return False
    return distance(one, other) <= TOLERANCE


def _comparable(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (one, other) if one.size == other.size else (distinct(one), distinct(other))


def any_same(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    """Tell whether one of our values is one of theirs, or what one of theirs begins with.

    A causal convolution is one that is padded at both ends, and whose last steps are cut off behind it.
    """
    return any(same(one, other) or _begins(one, other) for one in ours for other in theirs)


def _begins(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether a value is what a larger one begins with along one axis."""
    for axis in range(1, other.ndim if one.size < other.size else 0):
        kept = one.size * other.shape[axis] // other.size
        if kept * other.size == one.size * other.shape[axis] and same(one, other.take(range(kept), axis)):
            return True
    return False


def nearest(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """Return how far the nearest two of our values and theirs are apart."""
    return min((distance(one, other) for one in ours for other in theirs), default=np.inf)


def shaped(value: np.ndarray, shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the value as an array of `shape`, for each order of its axes that fits, the likeliest first."""
    wanted = tuple(size for size in shape if size != 1)
    seen = set()
    for axes in dict.fromkeys([tuple(range(value.ndim)), *permutations(range(value.ndim))] if value.ndim <= 5 else []):
        moved = value.transpose(axes)
        own = tuple(size for size in moved.shape if size != 1)
        if own == wanted or (axes == tuple(range(value.ndim)) and value.size == np.prod(shape)):
            plain = tuple(axis for axis in axes if value.shape[axis] != 1)
            if plain not in seen:
                seen.add(plain)
                yield np.ascontiguousarray(moved.reshape(shape))
