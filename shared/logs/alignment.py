"""Two series put on one axis: the same steps, the same epochs, or the same number of examples seen."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.logs.series import Series

Axis = Literal["step", "epoch", "examples", "point"]
AXES: tuple[Axis, ...] = get_args(Axis)
COMMON = 0.7
"""Share of the shorter series' positions that must be the other's too, else values are put between."""


@dataclass(frozen=True)
class Aligned:
    """Two series at the same positions."""

    along: Axis
    positions: np.ndarray
    """(points,) increasing."""
    first: np.ndarray
    """(points,) values, as logged or as averaged to the positions of the sparser series."""
    second: np.ndarray
    as_logged: bool
    """Every value is one that stands in the log."""
    note: str = ""
    """What was done to put them on one axis; empty if nothing."""

    def __len__(self) -> int:
        return len(self.positions)

    def part(self, start: int, stop: int | None = None) -> "Aligned":
        """Return the points from `start` up to `stop`."""
        chosen = slice(start, stop)
        return replace(self, positions=self.positions[chosen], first=self.first[chosen], second=self.second[chosen])

    @property
    def difference(self) -> np.ndarray:
        """Second minus first, (points,)."""
        return self.second - self.first

    @property
    def relative(self) -> np.ndarray:
        """Difference by the larger of both sizes, (points,); 0 where both are 0."""
        size = np.maximum(np.abs(self.first), np.abs(self.second))
        return np.divide(np.abs(self.difference), size, out=np.zeros(len(self)), where=size > 0)


def align(first: Series, second: Series, batch_sizes: tuple[float | None, float | None], asked: str | None) -> Aligned:
    """Put both on the axis that is asked for, or on the one that fits; UserError if a series lacks the one asked for.

    Of the series with fewer points every point stays; the other one is averaged over the same steps if the sparser is a
    mean of steps, else fitted by a line around the point.
    """
    along = _asked(first, second, batch_sizes, asked) if asked else _fitting(first, second, batch_sizes)
    ours, theirs = positions_of(first, along, batch_sizes[0]), positions_of(second, along, batch_sizes[1])
    if _counted_from_another_number(ours, theirs):
        note = f"the second counts from {theirs[0]:g}, the first from {ours[0]:g}"
        return Aligned(along, ours, first.values, second.values, True, note)
    common = np.intersect1d(ours, theirs)
    mixed = first.averaged != second.averaged and _spacing(ours) != _spacing(theirs)
    if len(common) >= COMMON * min(len(ours), len(theirs)) and not mixed:
        return Aligned(along, common, first.values[np.isin(ours, common)], second.values[np.isin(theirs, common)], True)
    return _resampled(along, first, second, ours, theirs)


def _fitting(first: Series, second: Series, batch_sizes: tuple[float | None, float | None]) -> Axis:
    by_step, by_epoch = _both(first.steps, second.steps), _both(first.epochs, second.epochs)
    if by_step and None not in batch_sizes and batch_sizes[0] != batch_sizes[1]:
        return "examples"
    if by_step and not (by_epoch and _other_steps_per_epoch(first, second)):
        return "step"
    return "epoch" if by_epoch else "point"


def _asked(first: Series, second: Series, batch_sizes: tuple[float | None, float | None], asked: str) -> Axis:
    there: dict[str, tuple[Axis, bool]] = {
        "step": ("step", _both(first.steps, second.steps)),
        "epoch": ("epoch", _both(first.epochs, second.epochs)),
        "examples": ("examples", _both(first.steps, second.steps) and None not in batch_sizes),
        "point": ("point", True),
    }
    if asked not in there:
        raise UserError(f"--along: expected one of {', '.join(AXES)}, found '{asked}'.")
    if not there[asked][1]:
        needs = "steps in both logs and both batch sizes" if asked == "examples" else f"a column {asked} in both logs"
        raise UserError(f"--along {asked} needs {needs}; leave it out, or choose another axis.")
    return there[asked][0]


def _both(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None


def _other_steps_per_epoch(first: Series, second: Series) -> bool:
    """Tell whether an epoch has another number of steps in the second log, as with another batch size."""
    per_epoch = [series.steps[-1] / max(series.epochs[-1], 1e-9) for series in (first, second)]  # type: ignore[index]
    return not 0.8 < per_epoch[0] / max(per_epoch[1], 1e-9) < 1.25


def positions_of(series: Series, along: str, batch_size: float | None) -> np.ndarray:
    """Return where a series' points are on an axis that it has."""
    if along == "point":
        return np.arange(1.0, len(series) + 1)
    if along == "epoch":
        return _spread(series.epochs)  # type: ignore[arg-type]
    steps: np.ndarray = series.steps  # type: ignore[assignment]
    return steps * batch_size if along == "examples" else steps


def _spread(epochs: np.ndarray) -> np.ndarray:
    """Return where in its epoch each point is, where many have the same whole epoch: evenly up to its end."""
    numbers, places, counts = np.unique(epochs, return_inverse=True, return_counts=True)
    if len(numbers) == len(epochs):
        return epochs
    rank = np.arange(len(epochs)) - np.concatenate([[0], np.cumsum(counts)[:-1]])[places]
    return epochs - 1 + (rank + 1) / counts[places]


def _counted_from_another_number(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Tell whether the positions are the same but for one, as when one log counts from 0 and the other from 1."""
    if len(ours) != len(theirs) or len(ours) < 2:
        return False
    moved, from_0 = theirs - ours, min(ours[0], theirs[0]) == 0
    return abs(moved[0]) == 1 and bool((moved == moved[0]).all()) and (from_0 or _spacing(ours) > 1)


def _spacing(positions: np.ndarray) -> float:
    return float(np.median(np.diff(positions))) if len(positions) > 1 else 0.0


def _resampled(along: Axis, first: Series, second: Series, ours: np.ndarray, theirs: np.ndarray) -> Aligned:
    """Keep the points of the series that has fewer where both are, and take the other one there."""
    low, high = max(ours[0], theirs[0]), min(ours[-1], theirs[-1])
    first_is_sparse = _sparser(first, second, ours, theirs)
    sparse, dense = (first, second) if first_is_sparse else (second, first)
    at, among = (ours, theirs) if first_is_sparse else (theirs, ours)
    kept = (at >= low) & (at <= high)
    as_means = sparse.averaged and not dense.averaged
    taken = (_averages if as_means else _lines)(among, dense.values, at)
    kept &= np.isfinite(taken)
    values = (sparse.values[kept], taken[kept])
    name = "second" if first_is_sparse else "first"
    how = "averaged over the steps between" if as_means else "taken between its points"
    a, b = values if first_is_sparse else values[::-1]
    return Aligned(along, at[kept], a, b, False, f"the {name}, logged at other points, is {how}")


def _sparser(first: Series, second: Series, ours: np.ndarray, theirs: np.ndarray) -> bool:
    if first.averaged != second.averaged:
        return first.averaged
    return len(ours) / max(np.ptp(ours), 1e-9) <= len(theirs) / max(np.ptp(theirs), 1e-9)


def _averages(positions: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the mean of the values after the position before and up to each position; NaN where there is none."""
    spacing = np.median(np.diff(at)) if len(at) > 1 else at[0]
    ends = np.searchsorted(positions, at, side="right")
    starts = np.searchsorted(positions, np.concatenate([[at[0] - spacing], at[:-1]]), side="right")
    sums, counts = np.concatenate([[0.0], np.cumsum(values)]), ends - starts
    return np.divide(sums[ends] - sums[starts], counts, out=np.full(len(at), np.nan), where=counts > 0)


def _lines(positions: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return, at each position, the line through the values around it: as far as half-way to its neighbours."""
    middles = (at[1:] + at[:-1]) / 2
    edges = (
        np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]]) if len(at) > 1 else at[[0, 0]]
    )
    starts, ends = np.searchsorted(positions, edges[:-1]), np.searchsorted(positions, edges[1:])
    plain = np.interp(at, positions, values)
    fitted = [
        _line(positions[start:end] - place, values[start:end]) if end - start >= 4 else between
        for start, end, place, between in zip(starts, ends, at, plain, strict=True)
    ]
    return np.array(fitted)


def _line(offsets: np.ndarray, values: np.ndarray) -> float:
    """Return the value at 0 of the line through the points."""
    return float(np.polyfit(offsets, values, 1)[1])
