"""Follows a model call by call: what each axis of every value counts, and each axis of every weight."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from twotrack.shared.axes.calls import Call
from twotrack.shared.axes.factors import BATCH, CHANNEL, PLACE, UNKNOWN, Factor, unite
from twotrack.shared.axes.influence import Link, close, computed, elementwise, stays
from twotrack.shared.axes.movement import moved
from twotrack.shared.axes.values import CANONICAL, Orientation, Value

SPREAD = 0.75
"""A movement carries half of what is disturbed; a call that spreads it to more is none."""


@dataclass(frozen=True)
class Use:
    """A call that weights take part in."""

    call: Call
    values: list[Value]
    links: list[Link]


def model_input(shape: Sequence[int], axes: Sequence[int]) -> Value:
    """Return what the axes of an input (batch, ...) count, which canonically has its channels last.

    `axes` is the permutation from the canonical order to the framework's.
    """
    displaced = tuple(axes) != tuple(range(len(axes)))
    last = len(axes) - 1
    kinds = {0: BATCH, last: CHANNEL} if displaced else {0: BATCH}
    factors = [
        Factor(size, kinds.get(axis, PLACE if displaced else UNKNOWN)) for size, axis in zip(shape, axes, strict=True)
    ]
    return Value(tuple(factors), Orientation(displaced=True) if displaced else CANONICAL).settle()


def follow(call: Call) -> tuple[list[Value], Use | None]:
    """Return what the axes of the results count; and, if weights take part and what they count may show later, the use."""
    if call.channel_axis is not None:
        _show_channels(call)
    found = elementwise(call)
    if found is None and not _spreads(call):
        values = moved(call)
        if values is not None:
            return values, None
    found = found or computed(call)
    has_weights = any(given.is_weight for given in call.givens) and any(given.is_followed for given in call.givens)
    return found.values, Use(call, found.values, found.links) if has_weights else None


def _show_channels(call: Call) -> None:
    """Let a value that was moved by hand stand as the function takes it, which knows where it has its channels."""
    value = next((given.value for given in call.givens if given.is_followed), None)
    if value is None or len(value.axes) < 3 or value.orientation.displaced is not None or call.channel_axis is None:
        return
    for axis, factor in enumerate(value.axes):
        if factor.kind != BATCH:
            factor.mark(CHANNEL if axis == call.channel_axis % len(value.axes) else PLACE)
    if call.channel_axis % len(value.axes) != len(value.axes) - 1:
        value.orientation.displace()


def _spreads(call: Call) -> bool:
    """Tell whether an array reaches more of the results than a movement can."""
    for number, given, _ in call.numbered():
        if given.array.size >= 16 and given.is_real:
            changed = call.half_changed(number)[1]
            if changed is None or any(array.size >= 16 and array.mean() > SPREAD for array in changed):
                return True
    return False


def settle_weights(uses: Sequence[Use]) -> None:
    """Find what axes of weights count that stand in another order than the canonical one."""
    for use in uses:
        spread = [(number, result) for result in range(len(use.values)) for number in _spread_over(use, result)]
        made = [(result, onto) for result, value in enumerate(use.values) for onto in _reordered(value)]
        taken = [
            (number, axis)
            for number, given, value in use.call.numbered()
            for axis in _reordered(value)
            if given.is_followed and not _goes_on(use.links, number, axis)
        ]
        if spread or made or taken:
            # The model may have changed in place what came out.
            call = replace(use.call, results=list(use.call.again({})))
            for number, result in spread:
                _stand_alike(call, number, result, use.values[result])
            for result, onto in made:
                _unite_along(call, use.values[result].axes[onto], result, onto)
            for number, axis in taken:
                _unite_summed(call, number, axis)


def _goes_on(links: Sequence[Link], number: int, axis: int) -> bool:
    return any((link.number, link.axis, link.same) == (number, axis, True) for link in links)


def _spread_over(use: Use, result: int) -> Iterator[int]:
    """Yield the weights of several axes that may be spread over a result whose axes have to be moved."""
    arrangement, shape = use.values[result].rearrangement(), use.call.results[result].shape
    if arrangement is None or arrangement.axes == tuple(range(len(shape))):
        return
    for number, given in enumerate(use.call.givens):
        own = given.array.shape
        fits = 1 < len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False))
        if given.is_weight and fits:
            yield number


def _stand_alike(call: Call, number: int, result: int, value: Value) -> None:
    """Let a weight stand as the value that it is spread over, element by element."""
    given = call.givens[number]
    if given.value is None or not stays(replace(call, results=[call.results[result]]), number):
        return
    for own, factor in zip(given.value.axes[::-1], value.axes[::-1], strict=False):
        unite(factor, own) if own.size == factor.size else own.mark(factor.kind)
    given.value.orientation = value.orientation


def _reordered(value: Value) -> list[int]:
    """Return the axes that count in another order than the canonical one."""
    return [axis for axis, factor in enumerate(value.axes) if factor.order() is not None]


def _weight_axes(call: Call, factor: Factor) -> Iterator[tuple[int, int, Factor]]:
    """Yield the axes of weights that are as long as the factor and not known to be it."""
    for number, given in enumerate(call.givens):
        if given.is_weight and given.value is not None:
            for axis, own in enumerate(given.value.axes):
                if own.size == factor.size and own.found is not factor.found:
                    yield number, axis, own


def _unite_along(call: Call, factor: Factor, result: int, onto: int) -> None:
    """Unite with the factor what reaches one index of a result's axis from the same index."""
    for number, axis, own in _weight_axes(call, factor):
        where = np.zeros(call.givens[number].array.shape, bool)
        where[(slice(None),) * axis + (-1,)] = True
        changed = call.changed(number, where)
        if changed is None:
            continue
        array = changed[result]
        reached = array.any(axis=tuple(set(range(array.ndim)) - {onto}))
        if reached[-1] and int(reached.sum()) == 1:
            unite(factor, own)


def _unite_summed(call: Call, number: int, axis: int) -> None:
    """Unite with an axis the axes of weights that can be shuffled together with it and change nothing."""
    value = call.givens[number].value
    assert value is not None
    factor = value.axes[axis]
    candidates = list(_weight_axes(call, factor))
    order = call.shuffled(factor.size)
    drawn = {
        other: np.random.default_rng(3 + other).uniform(0.5, 1.5, given.array.shape).astype(given.array.dtype)
        for other, given in enumerate(call.givens)
        if given.is_weight and given.is_real
    }
    before = call.repeated(drawn)
    if before is None:
        return
    for chosen in _together(candidates):
        shuffled = dict(drawn) | {number: call.givens[number].array.take(order, axis)}
        for other, other_axis, _ in chosen:
            shuffled[other] = shuffled[other].take(order, other_axis)
        after = call.repeated(shuffled)
        if after is not None and all(close(new, old) for new, old in zip(after, before, strict=True)):
            for _, _, own in chosen:
                unite(factor, own)
            return


def _together(candidates: Sequence[tuple[int, int, Factor]]) -> Iterator[Sequence[tuple[int, int, Factor]]]:
    """Yield which axes of weights may count the same: one, all in the same place, two."""
    yield from ([candidate] for candidate in candidates)
    for axis in sorted({axis for _, axis, _ in candidates}):
        yield [candidate for candidate in candidates if candidate[1] == axis]
    yield from combinations(candidates, 2)
