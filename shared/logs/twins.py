"""Logs of one computation done twice: equal to the last digit up to a step, and differences that grow like rounding."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from twotrack.shared.logs.alignment import Aligned

SAME = 3
"""Equal points, each of another value, that show the same batches: one may be the same initial weights."""
DIGITS = 6
"""Significant digits that a series needs: fewer are equal by chance too often."""
ROUNDING = 1e-5
"""Relative difference of the first points at most, if it is rounding of float32: 84 units in the last place."""
SEEN = 1e-4
"""Relative difference from which on a jump is one."""
JUMP = 100.0
"""Times that rounding does not grow from one logged point to the next."""
OF_NOISE = 0.1
"""Share of the noise of a step up to which the two are still one computation."""


@dataclass(frozen=True)
class Twins:
    """How far two logs are one computation."""

    kind: Literal["equal", "parted", "rounding"]
    """Equal to the last digit; or equal, but for rounding perhaps, up to where they part; or rounding alone."""
    equal: int
    """Points that are equal to the last digit, from the first on."""
    end: int
    """Points up to the one at which they part, or at which the difference is no longer small against the noise."""
    smallest: float
    """Relative difference at the first points that differ; 0 if none does."""
    largest: float
    """Relative difference up to `end`, or of the point at which they part."""
    doubling: float | None
    """Steps in which the difference doubles, over its growth; None where it does not grow."""


def twins(aligned: Aligned, digits: int, noise: float) -> Twins | None:
    """Return how far the logs are one computation; None if they are not, or do not hold enough digits to tell.

    `digits` are those that both logs keep, `noise` is the standard deviation of a step within a log.
    """
    if not aligned.as_logged or digits < DIGITS or len(aligned) < SAME:
        return None
    relative = np.where(aligned.relative <= _last_digit(digits), 0.0, aligned.relative)
    equal = int(np.argmax(relative > 0)) if (relative > 0).any() else len(relative)
    if equal == len(relative):
        return Twins("equal", equal, equal, 0.0, 0.0, None) if _distinct(aligned.first) else None
    start = relative[equal : equal + SAME]
    if start.max() <= ROUNDING:
        return _growth(aligned, relative, equal, noise) if _distinct(aligned.first[: equal + SAME]) else None
    if equal < SAME or not _distinct(aligned.first[:equal]):
        return None
    if start[0] > ROUNDING:
        return Twins("parted", equal, equal, float(start[0]), float(start[0]), None)
    return _growth(aligned, relative, equal, noise)


def _last_digit(digits: int) -> float:
    """Return the relative difference of two numbers that may be the same, rounded to so many digits."""
    return 0.0 if digits >= 15 else 10.0 ** (1 - digits)


def _distinct(values: np.ndarray) -> bool:
    return len(np.unique(values)) >= SAME


def _growth(aligned: Aligned, relative: np.ndarray, equal: int, noise: float) -> Twins:
    envelope = np.maximum.accumulate(relative)
    large = np.abs(aligned.difference) > OF_NOISE * noise if noise > 0 else envelope > SEEN
    saturated = int(np.argmax(large)) if large.any() else len(relative)
    jump = _jump(envelope, equal)
    if jump is not None and jump <= saturated:
        return Twins("parted", equal, jump, float(envelope[equal]), float(relative[jump]), None)
    end = max(saturated, equal + 1)
    doubling = _doubling(aligned.positions[equal:end], envelope[equal:end])
    return Twins("rounding", equal, end, float(envelope[equal]), float(envelope[end - 1]), doubling)


def _jump(envelope: np.ndarray, equal: int) -> int | None:
    """Return the first point at which the difference becomes many times as large as it had ever been, and visible."""
    grown = envelope[equal + 1 :] / envelope[equal:-1]
    fastest = np.maximum.accumulate(np.concatenate([[1.0], grown[:-1]])) if len(grown) else grown
    found = np.flatnonzero((grown > JUMP) & (grown > fastest**2) & (envelope[equal + 1 :] > SEEN))
    return equal + 1 + int(found[0]) if len(found) and found[0] + 1 >= SAME else None


def _doubling(positions: np.ndarray, envelope: np.ndarray) -> float | None:
    """Return the steps in which the envelope doubles on average; None if it grows less than tenfold."""
    if len(positions) < SAME or envelope[-1] < 10 * envelope[0]:
        return None
    slope = np.polyfit(positions, np.log2(envelope), 1)[0]
    return float(1 / slope) if slope > 0 else None
