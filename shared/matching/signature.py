"""Signatures: what a value is known by, whatever the order and the grouping of its axes."""

from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-9
"""Relative, of sums over values that two frameworks computed in float64."""
Signature = np.ndarray
"""(4,): sums of x, x^2, x^3 and |x|."""


def distinct(value: np.ndarray) -> np.ndarray:
    """Return the value, or one example of it if all examples of the batch are the same."""
    repeated = value.ndim > 1 and len(value) > 1 and bool((value == value[:1]).all())
    return value[:1] if repeated else value


def signature(value: np.ndarray) -> Signature:
    """Return the sums that identify a value; zeros that are added to it do not change them."""
    x = distinct(value).astype(np.float64).ravel()
    squares = x * x
    return np.array([x.sum(), squares.sum(), (squares * x).sum(), np.abs(x).sum()])


def nothing() -> Signature:
    """Return the signature of no value at all, which equals none."""
    return np.full(4, np.nan)


def equal(one: Signature, others: np.ndarray) -> np.ndarray:
    """Return which of `others` (n, 4) are the signature `one`, up to rounding."""
    absolute, squares = np.maximum(one[3], others[:, 3]), np.maximum(one[1], others[:, 1])
    scale = np.stack([absolute, squares, squares**1.5 + 1e-30, absolute], axis=1) + 1e-300
    return np.asarray((np.abs(others - one) <= TOLERANCE * scale).all(axis=1))


class Signatures:
    """Signatures that were seen, for the question whether another one is among them."""

    def __init__(self, rows: Sequence[Signature] | np.ndarray):
        self._rows = np.reshape(np.asarray(rows, np.float64), (-1, 4))

    def places(self, one: Signature) -> list[int]:
        """Return where the signature stands."""
        if not len(self._rows) or not np.isfinite(one).all():
            return []
        return [int(place) for place in np.flatnonzero(equal(one, self._rows))]

    def __contains__(self, one: Signature) -> bool:
        return bool(self.places(one))
