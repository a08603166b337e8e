"""Which of a framework's operations are off by more than one rounding on this machine: each is tried on its own."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twotrack.shared.precision.formats import FORMATS, nearest

TERMS, SUMS = 8192, 4
BEYOND = 1.5
"""Units of rounding: an outcome that is rounded once is off by one at the most."""

Sum = Callable[[np.ndarray], np.ndarray]
"""Adds up numbers (TERMS, SUMS) over the first axis in half precision; returns the sums, or the means, float64."""


def poor_sums(operations: Mapping[str, Sum], precision: str) -> frozenset[str]:
    """Return which of the operations, by name, are farther off than one rounding of the exact sum."""
    terms = nearest(np.random.default_rng(0).normal(size=(TERMS, SUMS)), FORMATS[precision])
    exact = terms.sum(0)
    return frozenset(name for name, add in operations.items() if _is_poor(add(terms), exact, FORMATS[precision].unit))


def is_poor(made: Sequence[np.ndarray], exact: Sequence[np.ndarray], precision: str) -> bool:
    """Tell whether any result of an operation is farther off than one rounding of the exact one."""
    unit = FORMATS[precision].unit
    return any(_is_poor(one.astype(np.float64), other, unit) for one, other in zip(made, exact, strict=True))


def _is_poor(found: np.ndarray, exact: np.ndarray, unit: float) -> bool:
    return bool(np.linalg.norm(found - exact) > BEYOND * unit * np.linalg.norm(exact))
