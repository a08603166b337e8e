"""Calls that only move elements: reshapes, permutations, slices, joins, paddings, shuffles.

The call is made again on arrays that hold their own indices, so that where every element comes from falls out
exactly, whatever the function is called. That a second run on drawn numbers agrees makes it certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from twotrack.shared.axes.blocks import Block, NotAMovementError, block
from twotrack.shared.axes.calls import Call
from twotrack.shared.axes.factors import CHANNEL, MIXED, PLACE, UNKNOWN, Factor, joined, unite
from twotrack.shared.axes.values import CANONICAL, Orientation, Value, fresh, oriented

NOWHERE = -1


def moved(call: Call) -> list[Value] | None:
    """Return what the results' axes count; None if the call does more than move elements."""
    shapes = [given.array.shape for given in call.givens]
    # An axis of length one cannot be seen to move; where the call takes it, it gets two.
    widened = [tuple(2 if size == 1 else size for size in shape) for shape in shapes]
    for attempt in [widened, shapes] if widened != shapes else [shapes]:
        try:
            return _Movement(call, attempt).values()
        except NotAMovementError:
            continue
    return None


@dataclass(frozen=True)
class _Movement:
    """The call on arrays of some shapes."""

    call: Call
    shapes: Sequence[tuple[int, ...]]

    def values(self) -> list[Value]:
        """Return what the axes of each result count."""
        numbers = self._numbers()
        starts = np.cumsum([0, *(int(np.prod(self.shapes[number])) for number in numbers)])
        sources = self._sources(numbers, int(starts[-1]))
        return [
            self._value(result.shape, source, numbers, starts)
            for result, source in zip(self.call.results, sources, strict=True)
        ]

    def _numbers(self) -> list[int]:
        """Return which arrays to fill with indices: all of real numbers, else those that are followed."""
        givens = list(enumerate(self.call.givens))
        real = [number for number, given in givens if given.is_real]
        return real or [number for number, given in givens if given.value is not None]

    def _sources(self, numbers: Sequence[int], total: int) -> list[np.ndarray]:
        """Return for every element of each result its index among all elements given, or NOWHERE."""
        indices = self._run(np.arange(1.0, total + 1), numbers)
        sources = [_source(array, total) for array in indices]
        drawn = np.random.default_rng(11).normal(size=total)
        for array, other, source in zip(indices, self._run(drawn, numbers), sources, strict=True):
            same = (other == array) | (np.isnan(other) & np.isnan(array))
            if not np.where(source == NOWHERE, same, other == drawn[source].astype(other.dtype)).all():
                raise NotAMovementError
        return sources

    def _run(self, elements: np.ndarray, numbers: Sequence[int]) -> list[np.ndarray]:
        replaced: dict[int, np.ndarray] = {}
        start = 0
        for number in numbers:
            size = int(np.prod(self.shapes[number]))
            replaced[number] = elements[start : start + size].reshape(self.shapes[number])
            start += size
        found = self.call.repeated(replaced)
        if found is None or any(array.dtype.kind != "f" for array in found):
            raise NotAMovementError
        return found

    def _value(self, shape: tuple[int, ...], source: np.ndarray, numbers: Sequence[int], starts: np.ndarray) -> Value:
        if source.ndim != len(shape):
            raise NotAMovementError
        owners = np.where(source == NOWHERE, NOWHERE, np.searchsorted(starts, source, side="right") - 1)
        blocks: list[Block] = []
        values: list[Value] = []
        for place, number in enumerate(numbers):
            mine = owners == place
            if mine.any():
                given = self.call.givens[number]
                values.append(given.value or fresh(given.array.shape))
                blocks.append(block(values[-1], self.shapes[number], mine, source - starts[place]))
        if not blocks:
            raise NotAMovementError
        axes = tuple(_over_blocks(blocks, axis, size) for axis, size in enumerate(shape))
        if any(factor.size != size for factor, size in zip(axes, shape, strict=True)):
            raise NotAMovementError
        _show_places(axes)
        known = [value for value in values if not value.is_weight] or values
        kept = all(part.keeps_order for part in blocks)
        is_weight = not any(given.is_followed for given in self.call.givens)
        return Value(axes, _orientation(known, kept), is_weight).settle()


def _source(array: np.ndarray, total: int) -> np.ndarray:
    """Return 0-based indices from an array that holds 1-based ones, and other numbers where it was filled up."""
    with np.errstate(invalid="ignore"):
        inside = (array >= 1) & (array <= total)
        if not (array[inside] == np.rint(array[inside])).all():
            raise NotAMovementError
        return np.where(inside, array - 1, NOWHERE).astype(np.int64)


def _show_places(axes: Sequence[Factor]) -> None:
    """Let pieces of channels that were merged with places be places, if channels stand elsewhere."""
    if any(factor.kind == CHANNEL for factor in axes):
        for factor in axes:
            if factor.kind == MIXED:
                factor.mark(PLACE)


def _orientation(values: Sequence[Value], kept: bool) -> Orientation:
    if kept:
        return oriented([value.orientation for value in values])
    return oriented(
        [value.orientation if value.orientation.found is not CANONICAL else Orientation() for value in values]
    )


def _over_blocks(blocks: Sequence[Block], axis: int, size: int) -> Factor:
    """Return what an axis counts that elements of several arrays lie along."""
    spans, factors = [part.spans[axis] for part in blocks], [part.axes[axis] for part in blocks]
    if all((span == spans[0]).all() for span in spans):
        factor = reduce(unite, factors)
        return factor if spans[0].all() else Factor(size, factor.kind)
    places = [np.flatnonzero(span) for span in spans]
    order = sorted(range(len(blocks)), key=lambda number: int(places[number][0]))
    pieces: list[Factor] = []
    end = 0
    for number in order:
        first, last = int(places[number][0]), int(places[number][-1]) + 1
        if first < end or last - first != len(places[number]):
            return Factor(size, _common_kind(factors))
        pieces += [Factor(first - end)] * (first > end) + [factors[number]]
        end = last
    pieces += [Factor(len(spans[0]) - end)] * (end < len(spans[0]))
    return joined(pieces)


def _common_kind(factors: Sequence[Factor]) -> str:
    kinds = {factor.kind for factor in factors}
    return kinds.pop() if len(kinds) == 1 else UNKNOWN
