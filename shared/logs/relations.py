"""A difference that is a constant factor or a constant sum: a loss as a sum against a mean, percent against shares."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from twotrack.shared.logs import luck, noise, parting
from twotrack.shared.logs.alignment import Aligned

NEAR = 0.01
"""Relative: how near a factor must be to a number that explains it, where its error is smaller."""
FAR = 0.05
"""Relative: how far it may be from it at most, however large its error is."""
SMALLEST = 0.02
"""A factor nearer to 1 than this, relative, is no other unit."""
UNDONE = 0.05
"""Smallest p-value with which a factor or a sum counts for the whole of a difference."""
CHANGE = 0.2
"""By what share a curve must fall or rise for a factor and a sum to be told apart."""


@dataclass(frozen=True)
class Relation:
    """What makes the second series of the first."""

    kind: Literal["factor", "offset", "factor or offset"]
    value: float
    """The factor, or what is added."""
    error: float
    """Standard error of the factor, relative, or of the sum."""
    p_value: float
    """Of the test with that undone: large, so nothing is left."""
    meaning: str
    """What such a factor stands for; empty if nothing is known."""


def relation(
    aligned: Aligned, level: float, batch_sizes: tuple[float | None, float | None], granted: bool = True
) -> Relation | None:
    """Return the factor or the sum with which nothing is left to tell the logs apart; None if there is none.

    With `granted`, a head start may be left.
    """
    factor, offset = _factor(aligned, level, granted), _offset(aligned, level, granted)
    if factor and offset and not _changes(aligned.first):
        return Relation("factor or offset", offset[0], _error(aligned.difference), offset[1], "")
    if factor and (not offset or factor[1] >= offset[1]):
        error = _error(aligned.second / factor[0] - aligned.first) / float(np.abs(aligned.first).mean())
        return Relation("factor", factor[0], error, factor[1], _meaning(factor[0], error, batch_sizes))
    return Relation("offset", offset[0], _error(aligned.difference), offset[1], "") if offset else None


def _factor(aligned: Aligned, level: float, granted: bool) -> tuple[float, float] | None:
    first, second = aligned.first, aligned.second
    if (first <= 0).any() or (second <= 0).any():
        return None
    candidates = (float(second.sum() / first.sum()), float(np.median(second / first)))
    found = [
        (factor, _left(replace(aligned, second=second / factor), level, granted))
        for factor in candidates
        if abs(math.log(factor)) > SMALLEST
    ]
    best = max(found, key=lambda pair: pair[1], default=(1.0, 0.0))
    return best if best[1] > level else None


def _offset(aligned: Aligned, level: float, granted: bool) -> tuple[float, float] | None:
    candidates = (float(np.median(aligned.difference)), float(aligned.difference.mean()))
    best = max(
        ((offset, _left(replace(aligned, second=aligned.second - offset), level, granted)) for offset in candidates),
        key=lambda pair: pair[1],
    )
    return best if best[1] > level else None


def _left(aligned: Aligned, level: float, granted: bool) -> float:
    return parting.examine(aligned.difference, level, luck.margin(aligned) if granted else 0.0).p_value


def _changes(values: np.ndarray) -> bool:
    """Tell whether the series as a whole changes: its first tenth against its last."""
    tenth = max(len(values) // 10, 1)
    start, end = abs(values[:tenth].mean()), abs(values[-tenth:].mean())
    return abs(start - end) > CHANGE * max(start, end)


def _error(differences: np.ndarray) -> float:
    """Return the standard error of a mean of correlated differences."""
    count = noise.correlation(differences).independent(len(differences))
    return float(np.std(differences) / np.sqrt(max(count, 1.0)))


def _meaning(factor: float, error: float, batch_sizes: tuple[float | None, float | None]) -> str:
    """Return what the factor is known for."""
    sizes = {size for size in batch_sizes if size}
    known = {size: f"the batch size: a sum over the batch against a mean ({size:g})" for size in sizes}
    known |= {100.0: "percent against shares", math.log2(math.e): "bits against nats"}
    for value, meaning in known.items():
        if any(abs(factor / one - 1) < min(max(NEAR, 3 * error), FAR) for one in (value, 1 / value)):
            return meaning
    return ""
