"""One run of a piecewise function: the numbers that decide, and how they are counted."""

from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan, prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from twotrack.shared.pieces.bounds import UNBOUNDED, Bounds
from twotrack.shared.pieces.count import PieceKind

LONGEST_LISTED = 16
"""Of a longer window or axis only the first place, the last and all between are told apart."""


@dataclass(frozen=True)
class Window:
    """Windows that slide over an array, one number for each of its axes."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    before: tuple[int, ...]
    """Padding, which never wins."""
    after: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def places(self) -> int:
        """How many values one window has."""
        return prod(self.sizes)

    @classmethod
    def over_axes(cls, shape: tuple[int, ...], axes: tuple[int, ...]) -> "Window":
        """Return the one window that takes in whole axes."""
        ones, zeros = (1,) * len(shape), (0,) * len(shape)
        reduced = {axis % len(shape) for axis in axes}
        return cls(tuple(n if axis in reduced else 1 for axis, n in enumerate(shape)), ones, zeros, zeros, ones)

    def candidates(self, values: np.ndarray) -> np.ndarray:
        """Return the values of every window: (..., places)."""
        padding = list(zip(self.before, self.after, strict=True))
        padded = np.pad(values.astype(float), padding, constant_values=-inf) if any(map(any, padding)) else values
        reach = [(size - 1) * dilation + 1 for size, dilation in zip(self.sizes, self.dilations, strict=True)]
        windows = sliding_window_view(padded, reach)
        steps = tuple(slice(None, None, step) for step in (*self.strides, *self.dilations))
        windows = windows[steps]
        return windows.reshape(*windows.shape[: values.ndim], -1)


@dataclass(frozen=True)
class Choice:
    """What decides in one run of a piecewise function."""

    kind: PieceKind
    function: str
    values: Any
    """Of a condition: where it holds; of a winner: what windows slide over; of a row: its number."""
    thresholds: tuple[float, ...] = ()
    bounds: Bounds = UNBOUNDED
    margins: Any = None
    """Of a condition: at least zero where it holds, the larger the more clearly; None if not known."""
    window: Window | None = None
    rows: int = 0
    falling: bool = False
    """The smallest wins."""

    @property
    def arrays(self) -> list[Any]:
        """What it holds of the framework."""
        return [self.values] if self.margins is None else [self.values, self.margins]


@dataclass(frozen=True)
class Counted:
    """The pieces of one choice."""

    counts: np.ndarray
    smallest: float = nan
    largest: float = nan


def count(choice: Choice) -> Counted:
    """Count how many values fell in each piece; what lies on a threshold, or wins together with another, in none."""
    values = np.asarray(choice.values)
    if choice.kind is PieceKind.CONDITION:
        true = int(np.count_nonzero(values))
        margins = values if choice.margins is None else np.asarray(choice.margins)
        return Counted(np.array([values.size - true, true]), *_extremes(margins))
    if choice.kind is PieceKind.ROW:
        inside = values[(values >= 0) & (values < choice.rows)].astype(int).ravel()
        return Counted(np.bincount(inside, minlength=choice.rows))
    if choice.kind is PieceKind.WINNER:
        wins = _wins(_candidates(choice, values))
        return Counted(np.array([wins[group].sum() for group in _groups(len(wins))]))
    return Counted(_between(values, choice.thresholds), *_extremes(values))


def margins(choice: Choice, piece: int) -> np.ndarray:
    """Return numbers that are positive where a value is in the piece, and larger the nearer they are to it."""
    values = np.asarray(choice.values)
    if choice.kind is PieceKind.CONDITION:
        holds = np.asarray(choice.margins, dtype=float) if choice.margins is not None else np.where(values, 1.0, -1.0)
        return holds if piece == 1 else -holds
    if choice.kind is PieceKind.ROW:
        return np.where(values == piece, 1.0, -1.0)
    if choice.kind is PieceKind.WINNER:
        candidates = _candidates(choice, values)
        group = _groups(candidates.shape[-1])[piece]
        others = np.delete(candidates, group, axis=-1)
        return candidates[..., group].max(axis=-1) - others.max(axis=-1)
    ends = np.array([-inf, *choice.thresholds, inf])
    return np.minimum(values - ends[piece], ends[piece + 1] - values)


def _between(values: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
    below = [np.count_nonzero(values < threshold) for threshold in thresholds]
    above = [np.count_nonzero(values > threshold) for threshold in thresholds]
    between = [np.count_nonzero((values > low) & (values < high)) for low, high in pairwise(thresholds)]
    return np.array([below[0], *between, above[-1]])


def _candidates(choice: Choice, values: np.ndarray) -> np.ndarray:
    assert choice.window is not None
    return choice.window.candidates(-values if choice.falling else values)


def _wins(candidates: np.ndarray) -> np.ndarray:
    largest = candidates == candidates.max(axis=-1, keepdims=True)
    alone = largest.sum(axis=-1, keepdims=True) == 1
    return (largest & alone).reshape(-1, candidates.shape[-1]).sum(axis=0)


def _groups(places: int) -> list[slice]:
    """Return the places that are told apart."""
    if places <= LONGEST_LISTED:
        return [slice(place, place + 1) for place in range(places)]
    return [slice(0, 1), slice(1, places - 1), slice(places - 1, places)]


def _extremes(values: np.ndarray) -> tuple[float, float]:
    numbers = values.astype(float, copy=False)
    finite = numbers[np.isfinite(numbers)]
    return (float(finite.min()), float(finite.max())) if finite.size else (nan, nan)
