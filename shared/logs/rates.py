"""Learning rates, which have no noise: the first step at which they differ, and by what factor."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.logs.alignment import Aligned

TOLERANCE = 2e-6
"""Relative: a float32 in one log and a float64 in the other are no difference."""

FEWEST_DIGITS = 4
"""A log that rounds rates keeps so many digits at least; 0.001 has fewer, and is none that was rounded."""


@dataclass(frozen=True)
class RateDifference:
    """How two learning rates differ."""

    first: int
    """Index of the first point at which they do."""
    differing: int
    """Points at which they do."""
    ratio: float | None
    """Second by first, if it is the same at every point from there on; None otherwise."""
    ratio_there: float | None
    """Second by first at the first differing point; None if the first is 0."""
    moved: int
    """1 if the second is the first one's schedule one logged point later, -1 if one earlier, else 0."""


def difference(aligned: Aligned, digits: int) -> RateDifference | None:
    """Return how the rates differ; None if they are the same to the digits that both logs keep."""
    tolerance = max(TOLERANCE, 0.5 * 10.0 ** (1 - max(digits, FEWEST_DIGITS)))
    apart = aligned.relative > tolerance
    if not apart.any():
        return None
    start = int(np.argmax(apart))
    first, second = aligned.first[start:], aligned.second[start:]
    ratios = np.divide(second, first, out=np.full(len(first), np.nan), where=first != 0)
    constant = bool(np.isfinite(ratios).all() and np.ptp(ratios) <= 4 * tolerance * np.abs(ratios).max())
    there = float(ratios[0]) if np.isfinite(ratios[0]) else None
    return RateDifference(
        start, int(apart.sum()), there if constant and len(ratios) > 1 else None, there, _moved(aligned, tolerance)
    )


def _moved(aligned: Aligned, tolerance: float) -> int:
    """Tell whether one log states the rate before, and the other after, the schedule's step."""
    first, second = aligned.first, aligned.second
    if len(first) < 4 or len(np.unique(first)) < 3:
        return 0
    if np.allclose(second[1:], first[:-1], rtol=tolerance, atol=0):
        return 1
    return -1 if np.allclose(second[:-1], first[1:], rtol=tolerance, atol=0) else 0
