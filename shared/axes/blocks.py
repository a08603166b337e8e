"""Elements of one array that lie together in the result of a movement: which of its axes they count, along which."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared.axes.factors import CHANNEL, PLACE, UNKNOWN, Factor, joined, merged
from twotrack.shared.axes.values import Value


class NotAMovementError(Exception):
    """The call computes, or scatters what lay together."""


@dataclass(frozen=True)
class Block:
    """Where the elements of one array lie in a result, and what the result's axes count there."""

    spans: tuple[np.ndarray, ...]
    """By axis of the result: the places that hold any."""
    axes: tuple[Factor, ...]
    keeps_order: bool
    """Every axis of the result comes from the axis in its place."""


@dataclass(frozen=True)
class Leaf:
    """A part of an array's axis that is not taken apart further."""

    factor: Factor
    axis: int
    stride: int
    width: int
    """Its size; 2 where an axis of length one was widened to make it visible."""

    def count(self, coordinates: Sequence[np.ndarray]) -> np.ndarray:
        """Return its own index for every element, from the indices along the array's axes."""
        return (coordinates[self.axis] // self.stride) % self.width


@dataclass(frozen=True)
class Course:
    """How a leaf's index runs along the axes of a block."""

    leaf: Leaf
    start: int
    steps: tuple[np.ndarray, ...]
    """By axis of the block: its index there, less `start`."""

    @property
    def along(self) -> list[int]:
        """The axes along which it changes."""
        return [axis for axis, steps in enumerate(self.steps) if steps.any()]


def block(value: Value, shape: tuple[int, ...], mine: np.ndarray, source: np.ndarray) -> Block:
    """Describe the elements `mine` of a result, whose indices in an array of `shape` are `source`.

    Raises NotAMovementError if they do not lie together, or if an axis is scattered.
    """
    spans = tuple(np.atleast_1d(mine.any(axis=tuple(set(range(mine.ndim)) - {axis}))) for axis in range(mine.ndim))
    if int(mine.sum()) != int(np.prod([span.sum() for span in spans])):
        raise NotAMovementError
    inside = source[np.ix_(*spans)]
    coordinates = np.unravel_index(inside, shape) if shape else ()
    courses = _courses(value, shape, coordinates)
    kept = mine.ndim == len(shape) and all(course.along in ([], [course.leaf.axis]) for course in courses)
    axes = [_counted(value, shape, coordinates, courses, axis, size) for axis, size in enumerate(inside.shape)]
    for axis, size in enumerate(inside.shape):
        if kept and size == 1 and axes[axis].kind == UNKNOWN:  # one index was taken; the axis stays what it was
            axes[axis] = Factor(1, value.axes[axis].kind)
    return Block(spans, tuple(axes), kept)


def _courses(value: Value, shape: tuple[int, ...], coordinates: Sequence[np.ndarray]) -> list[Course]:
    """Return how the leaves run, after taking those apart that a reshape spreads over several axes."""
    while True:
        courses = [_course(leaf, coordinates) for leaf in _leaves(value, shape)]
        if sum(_take_apart(course) for course in courses) == 0:
            return courses


def _leaves(value: Value, shape: tuple[int, ...]) -> Iterator[Leaf]:
    for axis, (factor, size) in enumerate(zip(value.axes, shape, strict=True)):
        if factor.size == size:
            yield from _inside(factor.found, axis, 1)
        else:
            yield Leaf(factor.found, axis, 1, size)


def _inside(factor: Factor, axis: int, stride: int) -> Iterator[Leaf]:
    if not factor.parts:
        yield Leaf(factor, axis, stride, factor.size)
    for part in reversed(factor.parts):
        yield from _inside(part.found, axis, stride)
        stride *= part.size


def _course(leaf: Leaf, coordinates: Sequence[np.ndarray]) -> Course:
    count = leaf.count(coordinates)
    start = int(count.flat[0])
    steps, total = [], np.full((1,) * count.ndim, start)
    for axis in range(count.ndim):
        corner = tuple(slice(None) if other == axis else 0 for other in range(count.ndim))
        steps.append(count[corner] - start)
        total = total + steps[-1].reshape([-1 if other == axis else 1 for other in range(count.ndim)])
    if not (total == count).all():
        raise NotAMovementError
    return Course(leaf, start, tuple(steps))


def _take_apart(course: Course) -> bool:
    """Give a leaf that runs along several axes a part for each, if together they are all of it."""
    factor, digits = course.leaf.factor, []
    for axis in course.along:
        levels = np.unique(course.steps[axis])
        if levels[0] != 0 or not (np.diff(levels) == levels[1]).all():
            return False
        digits.append((int(levels[1]), len(levels)))
    digits.sort(reverse=True)
    ends = [stride * size for stride, size in digits]
    complete = course.start == 0 and ends[:1] == [factor.size] and [stride for stride, _ in digits] == [*ends[1:], 1]
    if len(digits) < 2 or not complete or factor.pieces or factor.parts:
        return False
    factor.parts = tuple(Factor(size, factor.kind, whole=False) for _, size in digits)
    return True


def _counted(
    value: Value,
    shape: tuple[int, ...],
    coordinates: Sequence[np.ndarray],
    courses: Sequence[Course],
    axis: int,
    size: int,
) -> Factor:
    """Return what an axis of the block, of this size, counts."""
    present = [course for course in courses if axis in course.along]
    origins = {course.leaf.axis for course in present}
    if len(origins) == 1:
        origin = origins.pop()
        corner = tuple(slice(None) if other == axis else 0 for other in range(coordinates[origin].ndim))
        kept = _kept(value.axes[origin], shape[origin], coordinates[origin][corner])
        if kept:
            return kept
    kinds = {course.leaf.factor.kind for course in present}
    if present and all(course.leaf.width != course.leaf.factor.size for course in present):
        return Factor(1, kinds.pop())
    digits = _digits(present, axis, size)
    return merged(_nested(digits, value.axes)) if digits else Factor(size, _features(kinds))


def _kept(factor: Factor, size: int, places: np.ndarray) -> Factor | None:
    """Return the factor of a whole axis, or of whole pieces of it, that are taken as they are."""
    if len(places) == size and (places == np.arange(size)).all():
        return factor
    pieces = factor.found.pieces
    starts = np.cumsum([0, *(piece.size for piece in pieces)]).tolist()
    first, last = int(places[0]), int(places[-1]) + 1
    whole = first in starts and last in starts and len(places) == last - first and (np.diff(places) == 1).all()
    return joined(pieces[starts.index(first) : starts.index(last)]) if pieces and whole else None


def _digits(present: Sequence[Course], axis: int, size: int) -> list[Factor]:
    """Return the leaves that run along an axis like the digits of a number, the slowest first; none if they do not.

    A leaf of which only some digits occur, or in another order, is a new one.
    """
    if any(len(course.along) > 1 for course in present):
        return []
    runs = sorted(((int(np.argmax(course.steps[axis] != 0)), course) for course in present), key=lambda run: -run[0])
    lengths = [size, *(stride for stride, _ in runs)]
    digits = []
    for length, (stride, course) in zip(lengths, runs, strict=False):
        counts = (course.start + course.steps[axis])[:length:stride]
        if (
            length % stride
            or not (counts[np.arange(size) // stride % len(counts)] - course.start == course.steps[axis]).all()
        ):
            return []
        digits.append(
            _kept(course.leaf.factor, course.leaf.width, counts) or Factor(len(counts), course.leaf.factor.kind)
        )
    return digits if lengths[-1] == 1 else []


def _nested(leaves: list[Factor], axes: Sequence[Factor]) -> list[Factor]:
    """Put what leaves were together, all of them and in this order, in their place."""
    for factor in _merges(axes):
        inside = [leaf.factor for leaf in _inside(factor, 0, 1)][::-1]
        for first in range(len(leaves) - len(inside) + 1):
            if all(leaf.found is own for leaf, own in zip(leaves[first:], inside, strict=False)):
                leaves = [*leaves[:first], factor, *leaves[first + len(inside) :]]
                break
    return leaves


def _merges(factors: Sequence[Factor]) -> Iterator[Factor]:
    """Yield the factors that have parts, the outer ones first."""
    for factor in factors:
        if factor.found.parts:
            yield factor.found
            yield from _merges(factor.found.parts)


def _features(kinds: set[str]) -> str:
    """Return the kind of what is cut out of leaves of these kinds: channels and something else are features."""
    if CHANNEL in kinds:
        return CHANNEL
    return kinds.pop() if len(kinds) == 1 else PLACE if PLACE in kinds else UNKNOWN
