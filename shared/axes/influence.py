"""Calls that compute: which axis of a result follows which axis of what was given.

Elements are replaced by NaN, and the result shows what depends on them. An axis whose last index reaches only some
indices of a result's axis goes on there: at the same index if only that one is reached, in its neighbourhood for
convolutions and pooling. An axis that everything depends on is gone, unless the call commutes with shuffling it, as
softmax and normalisations do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from twotrack.shared.axes.calls import SMALL, Call
from twotrack.shared.axes.factors import CHANNEL, MIXED, PLACE, UNKNOWN, Factor, unite
from twotrack.shared.axes.values import CANONICAL, Orientation, Value, oriented

ROUNDING = 1e-4
"""How far a shuffled call may be off, relative to the largest result; other orders are off by about 1."""


@dataclass(frozen=True)
class Link:
    """An axis of a result that follows an axis of an array that was given."""

    number: int
    axis: int
    result: int
    onto: int
    same: bool
    """Index by index."""


@dataclass(frozen=True)
class Computed:
    """What the axes of the results count, and what they follow."""

    values: list[Value]
    links: list[Link]


def elementwise(call: Call) -> Computed | None:
    """Return what is known of the results of a call that works element by element, with broadcasting; else None."""
    shape = call.results[0].shape
    if any(result.shape != shape for result in call.results):
        return None
    known = call.numbered()
    if not all(stays(call, number) for number, _, _ in known):
        return None
    links = [
        Link(number, axis, result, axis + len(shape) - given.array.ndim, same=True)
        for number, given, _ in known
        for axis, size in enumerate(given.array.shape)
        for result in range(len(call.results))
        if size == shape[axis + len(shape) - given.array.ndim]
    ]
    return Computed(_values(call, links), links)


def stays(call: Call, number: int) -> bool:
    """Tell whether elements of an array reach nothing but the elements in their place, of results of one shape."""
    shape, result = call.givens[number].array.shape, call.results[0].shape
    aligned = (1,) * (len(result) - len(shape)) + shape
    if len(shape) > len(result) or any(own not in (1, size) for own, size in zip(aligned, result, strict=True)):
        return False
    trials = [call.half_changed(number)]
    if int(np.prod(shape)) < SMALL:
        where = call.half(shape)
        trials.append((where, call.changed(number, where)))
    return all(changed is not None and _alone(where.reshape(aligned), changed) for where, changed in trials)


def _alone(where: np.ndarray, changed: Sequence[np.ndarray]) -> bool:
    """Tell whether something changed, and only in some places."""
    return all(array.any() and not (array & ~where).any() for array in changed)


def computed(call: Call) -> Computed:
    """Return what is known of the results of any call."""
    links: list[Link] = []
    gone: list[tuple[int, int]] = []
    for number, given, _ in call.numbered():
        for axis, size in enumerate(given.array.shape):
            found = _links(call, number, axis) if size > 1 else []
            links += found
            if not found:
                gone.append((number, axis))
    for result, array in enumerate(call.results):
        for onto, size in enumerate(array.shape):
            if not any((link.result, link.onto) == (result, onto) for link in links):
                links += _shuffled_links(call, gone, result, onto, size)
    return Computed(_values(call, links, gone), links)


def _links(call: Call, number: int, axis: int) -> list[Link]:
    """Return what follows an axis; nothing if all depends on all of it, or nothing does."""
    size = call.givens[number].array.shape[axis]
    for index in dict.fromkeys((size - 1, 0, size // 2)):
        links, visible = _reached(call, number, axis, index)
        if visible:
            plain = _axis_of(call, number, axis).is_leaf and _axis_of(call, number, axis).kind != UNKNOWN
            return links if plain else _confirmed(call, number, axis, size - 1 - index, links)
    return []


def _confirmed(call: Call, number: int, axis: int, index: int, links: list[Link]) -> list[Link]:
    """Return links that go index by index from another index too; sorting has its NaN last, wherever it was."""
    other = _reached(call, number, axis, index)[0] if any(link.same for link in links) else links
    return [link if link in other else replace(link, same=False) for link in links]


def _reached(call: Call, number: int, axis: int, index: int) -> tuple[list[Link], bool]:
    """Return which axes of the results depend on one index of an axis in part, and whether anything depends on it."""
    shape = call.givens[number].array.shape
    links = []
    changed = call.changed(number, (slice(None),) * axis + (index,)) or []
    for result, array in enumerate(changed):
        for onto in range(array.ndim):
            reached = np.atleast_1d(array.any(axis=tuple(set(range(array.ndim)) - {onto})))
            if reached.any() and not reached.all():
                alone = len(reached) == shape[axis] and reached[index] and int(reached.sum()) == 1
                links.append(Link(number, axis, result, onto, bool(alone)))
    return links, any(array.any() for array in changed)


def _shuffled_links(call: Call, gone: Sequence[tuple[int, int]], result: int, onto: int, size: int) -> Iterator[Link]:
    """Yield the axis in the same place, if shuffling it only shuffles the result."""
    ndim = call.results[result].ndim
    for number, axis in gone:
        shape = call.givens[number].array.shape
        in_place = axis == onto or axis - len(shape) == onto - ndim
        if in_place and shape[axis] == size and size > 1 and _commutes(call, number, axis, result, onto):
            yield Link(number, axis, result, onto, same=True)
            return


def _commutes(call: Call, number: int, axis: int, result: int, onto: int) -> bool:
    """Tell whether shuffling an axis, and what scales it element by element, shuffles the result alike."""
    given, before = call.givens[number].array, call.results[result]
    order = call.shuffled(before.shape[onto])
    if close(before, before.take(order, onto)):  # nothing shows, as where a ReLU let nothing through
        given = np.random.default_rng(5).normal(size=given.shape).astype(given.dtype)
        drawn = call.repeated({number: given})
        if drawn is None or close(drawn[result], drawn[result].take(order, onto)):
            return False
        before = drawn[result]
    replaced = {number: given.take(order, axis)}
    for other, own in enumerate(call.givens):
        aligned = 0 if own.array.ndim == 1 else onto - before.ndim + own.array.ndim
        if own.is_weight and 0 <= aligned < own.array.ndim and own.array.shape[aligned] == len(order):
            replaced[other] = own.array.take(order, aligned)
    found = call.repeated(replaced)
    return found is not None and close(found[result], before.take(order, onto))


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Tell whether two arrays are the same but for rounding."""
    if found.shape != expected.shape:
        return False
    limit = ROUNDING * float(np.nan_to_num(np.abs(expected), posinf=0.0).max(initial=0.0))
    return bool(np.allclose(found, expected, rtol=0.0, atol=limit, equal_nan=True))


def _values(call: Call, links: Sequence[Link], gone: Sequence[tuple[int, int]] = ()) -> list[Value]:
    known = call.numbered()
    is_weight = all(value.is_weight for _, _, value in known)
    values = []
    for result, array in enumerate(call.results):
        axes = tuple(_factor(call, links, gone, result, onto) for onto in range(array.ndim))
        values.append(Value(axes, _orientation(call, [value for _, _, value in known], array.ndim), is_weight).settle())
    return values


def _factor(call: Call, links: Sequence[Link], gone: Sequence[tuple[int, int]], result: int, onto: int) -> Factor:
    """Return what an axis of a result counts."""
    mine = [link for link in links if (link.result, link.onto) == (result, onto)]
    given = {link: _axis_of(call, link.number, link.axis) for link in mine}
    same = [factor for link, factor in given.items() if link.same]
    if same:
        return reduce(unite, same)
    kinds = {factor.kind for factor in given.values()} or _kinds_in_place(call, gone, result, onto)
    array = call.results[result]
    if call.channel_axis is not None and array.ndim > 2 and onto:
        return Factor(array.shape[onto], CHANNEL if onto == call.channel_axis % array.ndim else PLACE)
    kind = _only(kinds)
    return Factor(array.shape[onto], CHANNEL if kind == MIXED else kind)


def _axis_of(call: Call, number: int, axis: int) -> Factor:
    value = call.givens[number].value
    assert value is not None
    return value.axes[axis]


def _only(kinds: set[str]) -> str:
    """Return what is counted; an axis that places and channels were scattered over counts neither."""
    known = kinds - {UNKNOWN}
    return known.pop() if len(known) == 1 else UNKNOWN


def _kinds_in_place(call: Call, gone: Sequence[tuple[int, int]], result: int, onto: int) -> set[str]:
    """Return what was counted in the place of an axis that follows none."""
    ndim = call.results[result].ndim
    in_place = [(number, axis) for number, axis in gone if onto in (axis, axis - call.givens[number].array.ndim + ndim)]
    return {_axis_of(call, number, axis).kind for number, axis in in_place}


def _orientation(call: Call, values: Sequence[Value], ndim: int) -> Orientation:
    """Return how a result stands: as what it was made of, or channels first if the function makes it so."""
    if ndim < 3:
        return CANONICAL
    orientation = oriented([value.orientation for value in values if len(value.axes) > 2])
    first = call.channel_axis is not None and call.channel_axis % ndim != ndim - 1
    return Orientation(displaced=True) if first and orientation.displaced is not True else orientation
