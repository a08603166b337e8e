"""Fits of one side's losses to what the other side's could be made of: factors, shares and weights."""

from collections.abc import Iterable
from math import isclose

import numpy as np

SAME = 1e-9
"""Relative: how well a fit must do to be put to the test."""
DIGITS = 6
"""Of a fitted number that stands for a round one."""


def rounded(value: float) -> float:
    """Return the number with few digits that a fitted one stands for, or the fitted one itself."""
    short = float(f"{value:.{DIGITS}g}")
    return short if isclose(short, value, rel_tol=SAME, abs_tol=1e-14) else float(value)


def power_law(wanted: np.ndarray, given: np.ndarray, counts: np.ndarray) -> tuple[float, int] | None:
    """Return factor and power with wanted = factor * counts^power * given, the simplest power first."""
    real = np.abs(given) > 1e-6 * np.abs(given).max(initial=0.0)
    if not real.any():
        return None
    for power in (0, 1, -1):
        ratios = (wanted[real] / given[real]) * counts[real].astype(float) ** -power
        if np.isfinite(ratios).all() and np.ptp(ratios) <= SAME * np.abs(ratios).max() and ratios.max() != 0:
            return rounded(float(np.median(ratios))), power
    return None


def share(wanted: np.ndarray, given: np.ndarray, other: np.ndarray) -> float | None:
    """Return the share with wanted = (1 - share) * given + share * other."""
    apart = other - given
    place = int(np.argmax(np.abs(apart)))
    if not apart[place]:
        return None
    found = float((wanted - given)[place] / apart[place])
    fits = np.abs(given + found * apart - wanted) <= SAME * np.abs(wanted).max()
    return rounded(found) if fits.all() else None


def combination(wanted: np.ndarray, parts: np.ndarray) -> tuple[float, ...] | None:
    """Return factors of the columns of parts (cases, parts) that give what is wanted, in cases where all is finite."""
    finite = np.isfinite(wanted) & np.isfinite(parts).all(1)
    wanted, parts = wanted[finite], parts[finite]
    if len(wanted) <= parts.shape[1]:
        return None
    scale = np.maximum(np.abs(wanted), 1e-6 * np.abs(wanted).max(initial=1e-300))[:, None]
    factors, *_ = np.linalg.lstsq(parts / scale, wanted / scale[:, 0], rcond=None)
    factors = np.where(np.abs(factors) < SAME * np.abs(factors).max(initial=0.0), 0.0, factors)
    fits = np.abs(parts @ factors - wanted) <= 10 * SAME * scale[:, 0]
    return tuple(rounded(float(factor)) for factor in factors) if fits.all() else None


def mean_weights(wanted: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> tuple[float, ...] | None:
    """Return weights by class with wanted = sum(weights * sums) / sum(weights * counts), the least of them 1."""
    rows = sums - wanted[:, None] * counts
    scale = np.abs(sums).sum(axis=1, keepdims=True)
    rows = (rows / scale)[(scale[:, 0] > 0) & np.isfinite(rows).all(1)]
    if len(rows) <= rows.shape[1]:
        return None
    _, sizes, vectors = np.linalg.svd(rows)
    if sizes[-1] > SAME * sizes[0] or sizes[-2] <= 1e3 * SAME * sizes[0]:
        return None
    weights = vectors[-1] / vectors[-1][np.argmax(np.abs(vectors[-1]))]
    weights = np.where(np.abs(weights) < 10 * SAME, 0.0, weights)
    if (weights < 0).any():
        return None
    return tuple(rounded(float(one)) for one in weights / weights[weights > 0].min())


def divisors(wanted: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> tuple[float, ...] | None:
    """Return numbers by class with wanted = sum(sums) / sum(numbers * counts), all above 0."""
    rows, total = wanted[:, None] * counts, np.nan_to_num(sums).sum(axis=1)
    kept = (total > 0) & np.isfinite(wanted)
    if kept.sum() <= rows.shape[1]:
        return None
    rows = rows[kept] / total[kept, None]
    found, *_ = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)
    fits = np.abs(rows @ found - 1) <= 10 * SAME
    return tuple(rounded(float(one)) for one in found) if fits.all() and (found > 0).all() else None


def told(values: Iterable[float]) -> str:
    """Return numbers for a message."""
    return ", ".join(f"{value:g}" for value in values)
