"""Repeated trainings of two sides: parting beyond the spread between runs, which seeds make.

The axis is cut into equal stretches. In each, every run has one mean, and the two sides' means are compared by
Student's t with the spread between runs; over all stretches by Bonferroni's bound, which needs no independence.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from twotrack.shared.errors import UserError
from twotrack.shared.logs import wording
from twotrack.shared.logs.alignment import align
from twotrack.shared.logs.names import Match
from twotrack.shared.logs.result import MetricResult
from twotrack.shared.logs.series import Series
from twotrack.shared.logs.wording import Stretches

STRETCHES = 12
"""At most: more say more exactly where, but each is held to a stricter level."""
FREEDOM = 2
"""Degrees of freedom of the spread that a comparison needs: four runs, or three of one side against one."""


def examine(
    match: Match,
    first: Sequence[Series],
    second: Sequence[Series],
    batch_sizes: tuple[float | None, float | None],
    level: float,
    along: str | None,
) -> MetricResult:
    """Say from which stretch on two groups of runs part, at a false-alarm rate of `level` over all stretches."""
    freedom = len(first) + len(second) - 2
    if freedom < FREEDOM:
        raise UserError(
            f"{len(first)} runs against {len(second)}: the spread between runs needs at least 4 runs, or 3 against 1; "
            "name more, or compare one with one."
        )
    positions, values, axis = _matrix(first, second, batch_sizes, along)
    edges = np.unique(np.linspace(0, len(positions), min(STRETCHES, len(positions)) + 1).astype(int))
    table = np.add.reduceat(values, edges[:-1], axis=1) / np.diff(edges)
    difference, error = _differences(table, len(first))
    p_values = np.minimum(1.0, len(error) * 2 * stats.t.sf(np.abs(difference) / np.maximum(error, 1e-300), freedom))
    runs = (len(first), len(second))
    return wording.of_groups(match, Stretches(axis, positions, edges, difference, error, p_values, runs), level)


def _differences(table: np.ndarray, firsts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of both sides' means, and its standard error, by stretch, of means (runs, stretches)."""
    sides = table[:firsts], table[firsts:]
    squares = sum(((side - side.mean(axis=0)) ** 2).sum(axis=0) for side in sides)
    variance = squares / (len(table) - 2)
    return sides[1].mean(axis=0) - sides[0].mean(axis=0), np.sqrt(variance * sum(1 / len(side) for side in sides))


def _matrix(
    first: Sequence[Series],
    second: Sequence[Series],
    batch_sizes: tuple[float | None, float | None],
    along: str | None,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return positions, values (runs, points), the first side's first, and the axis; UserError if they share none."""
    with_first = [align(first[0], series, (batch_sizes[0], batch_sizes[0]), along) for series in first]
    with_second = [align(first[0], series, batch_sizes, along) for series in second]
    common = with_first[0].positions
    for aligned in (*with_first, *with_second):
        common = np.intersect1d(common, aligned.positions)
    if len(common) == 0:
        raise UserError("the runs have no position in common; choose the axis with --along.")
    rows = [aligned.second[np.isin(aligned.positions, common)] for aligned in (*with_first, *with_second)]
    values = np.stack(rows)
    finite = np.isfinite(values).all(axis=0)
    end = len(common) if finite.all() else int(np.argmin(finite))
    if end == 0:
        raise UserError("a run has no number at the first common position; nothing can be compared.")
    return common[:end], values[:, :end], with_second[0].along
