"""Follows a model call by call: what each axis of every value counts, and each axis of every weight."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from twotrack.shared.axes.calls import Call
from twotrack.shared.axes.factors import BATCH, CHANNEL, MIXED, PLACE, UNKNOWN, Factor, unite
from twotrack.shared.axes.influence import Link, close, computed, elementwise, stays
from twotrack.shared.axes.movement import moved
from twotrack.shared.axes.values import CANONICAL, Orientation, Value
from twotrack.shared.spec.inputs import Input

SPREAD = 0.75
"""A movement carries half of what is disturbed; a call that spreads it to more is none."""


@dataclass(frozen=True)
class Use:
    """A call that weights take part in."""

    call: Call
    values: list[Value]
    links: list[Link]


def model_input(shape: Sequence[int], spec: Input, canonical: bool = False) -> Value:
    """Return what the axes of an input (batch, ...) count, in canonical order or in torch's.

    Its last canonical axis counts channels if torch gets it elsewhere; of other inputs that is not known.
    """
    axes = tuple(range(len(shape))) if canonical else spec.axes
    kinds = dict.fromkeys(axes, PLACE) | {len(axes) - 1: CHANNEL} if spec.is_displaced else {}
    factors = tuple(
        Factor(size, BATCH if axis == 0 else kinds.get(axis, UNKNOWN)) for size, axis in zip(shape, axes, strict=True)
    )
    return Value(factors, Orientation(displaced=True) if spec.is_displaced and not canonical else CANONICAL).settle()


def follow(call: Call) -> tuple[list[Value], Use | None]:
    """Return what the axes of the results count, and the use if weights take part: what those count may show later."""
    if call.channel_axis is None:
        return _followed(call)
    _show_channels(call, call.channel_axis)
    values, use = _followed(call)
    for value in values:
        _mark(value, call.channel_axis)
    return values, use


def _followed(call: Call) -> tuple[list[Value], Use | None]:
    found = elementwise(call)
    if found is None and not _spreads(call):
        values = moved(call)
        if values is not None:
            return values, None
    found = found or computed(call)
    has_weights = any(given.is_weight for given in call.givens) and any(given.is_followed for given in call.givens)
    return found.values, Use(call, found.values, found.links) if has_weights else None


def _show_channels(call: Call, channel_axis: int) -> None:
    """Let a value stand as the function takes it, which knows where it has its channels.

    A value that is canonical is left alone by a function that has them elsewhere: it was given so on purpose.
    """
    value = next((given.value for given in call.givens if given.is_followed), None)
    if value is None or len(value.axes) < 3:
        return
    elsewhere = channel_axis % len(value.axes) != len(value.axes) - 1
    if not elsewhere or value.orientation.found is not CANONICAL:
        _mark(value, channel_axis)
    if elsewhere:
        value.orientation.displace()


def _mark(value: Value, channel_axis: int) -> None:
    """Say what the axes count of a value that has its channels on this one."""
    if len(value.axes) < 3:
        return
    for axis, factor in enumerate(value.axes[1:], start=1):
        if axis != channel_axis % len(value.axes):
            factor.mark(PLACE)
        elif factor.kind != MIXED:
            factor.mark(CHANNEL)


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
        changed = call.changed(number, (slice(None),) * axis + (-1,))
        if changed is None:
            continue
        array = changed[result]
        reached = np.atleast_1d(array.any(axis=tuple(set(range(array.ndim)) - {onto})))
        if reached[-1] and int(reached.sum()) == 1:
            unite(factor, own)


def _unite_summed(call: Call, number: int, axis: int) -> None:
    """Unite with an axis the axes of weights that can be shuffled together with it and change nothing."""
    value = call.givens[number].value
    assert value is not None
    factor, generator = value.axes[axis], np.random.default_rng(3)
    # Positive, as a variance is; and so small that no sigmoid saturates.
    drawn = {
        other: (generator.uniform(0.5, 1.5, given.array.shape) / np.sqrt(factor.size)).astype(given.array.dtype)
        for other, given in enumerate(call.givens)
        if given.is_real and (given.is_weight or other == number)
    }
    order, before = call.shuffled(factor.size), call.repeated(drawn)
    shuffled = drawn | {number: drawn.get(number, call.givens[number].array).take(order, axis)}
    if before is None or _same(before, call.repeated(shuffled)):
        return
    for chosen in _together(list(_weight_axes(call, factor))):
        together = dict(shuffled)
        for other, other_axis, _ in chosen:
            together[other] = together[other].take(order, other_axis)
        if _same(before, call.repeated(together)):
            for _, _, own in chosen:
                unite(factor, own)
            return


def _same(before: Sequence[np.ndarray], after: Sequence[np.ndarray] | None) -> bool:
    return after is not None and all(close(new, old) for new, old in zip(after, before, strict=True))


def _together(candidates: Sequence[tuple[int, int, Factor]]) -> Iterator[Sequence[tuple[int, int, Factor]]]:
    """Yield which axes of weights may count the same: one, all in the same place, two."""
    yield from ([candidate] for candidate in candidates)
    for axis in sorted({axis for _, axis, _ in candidates}):
        yield [candidate for candidate in candidates if candidate[1] == axis]
    yield from combinations(candidates, 2)
