"""How often each piece of one piecewise function was seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import NamedTuple

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS


class PieceKind(StrEnum):
    """What decides in which piece a value is."""

    INTERVAL = "interval"
    """Between which thresholds it lies."""
    CONDITION = "condition"
    """Whether something holds: false, true."""
    WINNER = "winner"
    """Which place of a window, or of an axis, is the largest."""
    ROW = "row"
    """Which row of a table, or which place of an axis, is read."""


class Place(NamedTuple):
    """One piecewise function in the model."""

    layer: str
    """Canonical path of the innermost layer that calls it; empty for the model itself."""
    after: str
    """Path of the last layer that had returned to that layer; empty if none had."""
    function: str
    """maximum, relu6, where, max pooling ..."""
    number: int
    """From 1, of those with one layer, one layer before and one function."""


@with_config(WITH_ARRAYS)
@dataclass(frozen=True)
class PieceCount:
    """How many values fell in each piece of one piecewise function."""

    layer: str
    after: str
    function: str
    number: int
    kind: PieceKind
    thresholds: list[float]
    """Of intervals: rising; there is one piece more."""
    counts: np.ndarray
    """(pieces,)"""
    smallest: float
    """Finite number among those that decide; nan if there was none."""
    largest: float
    low: float = -inf
    """Between `low` and `high` lies what decides, whatever the inputs and weights."""
    high: float = inf
    size: int = 0
    """Places of a window or axis, which has three pieces (first, between, last) if it is long."""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.layer, self.after, self.function, self.number)

    @property
    def possible(self) -> np.ndarray:
        """Tell of every piece whether the bounds leave it any value."""
        if self.kind is PieceKind.INTERVAL:
            ends = np.array([-inf, *self.thresholds, inf])
            return (self.low < ends[1:]) & (self.high > ends[:-1])
        if self.kind is PieceKind.CONDITION:  # false below zero, true from zero on
            return np.array([self.low < 0, self.high >= 0])
        return np.ones(len(self.counts), bool)

    @property
    def unreached(self) -> list[int]:
        """Numbers of the pieces that can be reached and were not."""
        return np.flatnonzero(self.possible & (self.counts == 0)).tolist()

    def with_more(self, other: "PieceCount") -> "PieceCount":
        """Return both counts as one; the bounds are what holds for both."""
        return replace(
            self,
            counts=self.counts + other.counts,
            smallest=float(np.fmin(self.smallest, other.smallest)),
            largest=float(np.fmax(self.largest, other.largest)),
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )


def merged(counts: Iterable[PieceCount]) -> list[PieceCount]:
    """Return one count for each place, in the order in which they were met first."""
    by_place: dict[tuple[Place, PieceKind, tuple[float, ...], int], PieceCount] = {}
    for count in counts:
        key = (count.place, count.kind, tuple(count.thresholds), len(count.counts))
        by_place[key] = by_place[key].with_more(count) if key in by_place else count
    return list(by_place.values())


def unreached_in_words(count: PieceCount) -> str:
    """Say which pieces were not seen, beginning with the function."""
    seen = "" if np.isnan(count.smallest) else f", but {count.smallest:.3g} to {count.largest:.3g}"
    return f"{count.function} {missing_in_words(count)}{seen}"


def missing_in_words(count: PieceCount, shown: int = 3) -> str:
    """Say which pieces a function did not see, beginning with a verb."""
    missing = count.unreached
    if count.kind is PieceKind.INTERVAL:
        return f"was given nothing {_listed([_interval(count.thresholds, i) for i in missing])}"
    if count.kind is PieceKind.CONDITION:
        return f"met no condition that is {'true' if missing == [1] else 'false'}"
    names = ", ".join(str(number) for number in missing[:shown]) + (", ..." if len(missing) > shown else "")
    if count.kind is PieceKind.ROW:
        return f"did not read {len(missing):,} of {len(count.counts):,} rows ({names})"
    if count.size > len(count.counts):
        return f"was not won by {_listed([_LONG[number] for number in missing])} of {count.size} places"
    return f"was not won by {len(missing)} of {count.size} places ({names})"


def piece_in_words(count: PieceCount, number: int) -> str:
    """Say which piece of which function it is."""
    if count.kind is PieceKind.INTERVAL:
        return f"{count.function} {_interval(count.thresholds, number)}"
    if count.kind is PieceKind.CONDITION:
        return f"{count.function} where its condition is {'true' if number else 'false'}"
    noun = "row" if count.kind is PieceKind.ROW else "place"
    return f"{count.function} at {noun} {number}"


_LONG = ("the first", "any between", "the last")


def _interval(thresholds: Sequence[float], number: int) -> str:
    if number == 0:
        return f"below {thresholds[0]:.6g}"
    if number == len(thresholds):
        return f"above {thresholds[-1]:.6g}"
    return f"between {thresholds[number - 1]:.6g} and {thresholds[number]:.6g}"


def _listed(parts: Sequence[str]) -> str:
    return " or ".join(parts)
