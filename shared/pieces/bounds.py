"""Interval arithmetic: between which numbers a value lies, whatever the model's inputs and weights are."""

from collections.abc import Callable, Iterable
from functools import reduce
from math import inf, isnan
from typing import NamedTuple

import numpy as np


class Bounds(NamedTuple):
    """The smallest and the largest number that a value can be; infinite where none is known."""

    low: float = -inf
    high: float = inf


UNBOUNDED = Bounds()
FLAG = Bounds(0.0, 1.0)


def of(constant: np.ndarray) -> Bounds:
    """Return the bounds of a value that never changes."""
    numbers = np.asarray(constant, dtype=float)
    if numbers.size == 0 or np.isnan(numbers).any():
        return UNBOUNDED
    return Bounds(float(numbers.min()), float(numbers.max()))


def hull(parts: Iterable[Bounds]) -> Bounds:
    """Return the smallest bounds around all parts."""
    return reduce(lambda a, b: Bounds(min(a.low, b.low), max(a.high, b.high)), parts)


def add(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of a + b."""
    return Bounds(a.low + b.low, a.high + b.high)


def negate(a: Bounds) -> Bounds:
    """Return the bounds of -a."""
    return Bounds(-a.high, -a.low)


def subtract(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of a - b."""
    return add(a, negate(b))


def multiply(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of a * b; zero times infinity is zero, as the factor that is infinite is only unknown."""
    products = [x * y for x in a for y in b]
    numbers = [0.0 if isnan(product) else product for product in products]
    return Bounds(min(numbers), max(numbers))


def divide(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of a / b; none where b can be zero."""
    if b.low <= 0 <= b.high:
        return UNBOUNDED
    return multiply(a, Bounds(1 / b.high, 1 / b.low))


def absolute(a: Bounds) -> Bounds:
    """Return the bounds of |a|."""
    if a.low >= 0:
        return a
    return negate(a) if a.high <= 0 else Bounds(0.0, max(-a.low, a.high))


def square(a: Bounds) -> Bounds:
    """Return the bounds of a * a with itself."""
    size = absolute(a)
    return Bounds(size.low * size.low, size.high * size.high)


def maximum(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of the larger of two."""
    return Bounds(max(a.low, b.low), max(a.high, b.high))


def minimum(a: Bounds, b: Bounds) -> Bounds:
    """Return the bounds of the smaller of two."""
    return Bounds(min(a.low, b.low), min(a.high, b.high))


def rising(function: Callable[[np.ndarray], np.ndarray], limits: Bounds = UNBOUNDED) -> Callable[[Bounds], Bounds]:
    """Return what a function that never falls does to bounds; `limits` is its range."""

    def apply(a: Bounds) -> Bounds:
        with np.errstate(all="ignore"):
            low, high = (float(end) for end in function(np.array(a, dtype=float)))
        return Bounds(limits.low if isnan(low) else low, limits.high if isnan(high) else high)

    return apply


def within(low: float, high: float) -> Callable[[Bounds], Bounds]:
    """Return what a function with this range does to any bounds."""
    return lambda _: Bounds(low, high)
