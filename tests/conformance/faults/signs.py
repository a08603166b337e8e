"""What a change must be to be the planted fault: several descriptions of one fault may all be right."""

from collections.abc import Callable, Sequence
from math import isclose
from typing import Any

from twotrack.shared.spec.changes import (
    AddValue,
    AddWeight,
    Change,
    ChangeLoss,
    DrawNothing,
    DropWeight,
    Function,
    LinkOutputs,
    MapGradient,
    MapValue,
    OrderWeight,
    RemoveWeight,
    ReplaceCall,
    ReplaceLayer,
    SetArgument,
    SetHyperparameter,
    SetMask,
    SetStatistics,
    SetTrained,
    SetUpdate,
)

Sign = Callable[[Change], bool]
"""Whether a change is the planted fault, or a part of it."""


def sets(path: str, name: str, value: Any) -> Sign:
    """A layer's attribute gets this value."""
    return lambda one: (
        isinstance(one, SetHyperparameter) and (one.path, one.name) == (path, name) and _same(one.value, value)
    )


def maps(*names: str, at: Sequence[str] = (), **parameters: Any) -> Sign:
    """What a layer gets or gives goes through one of the functions."""

    def sign(one: Change) -> bool:
        return isinstance(one, MapValue) and (not at or one.path in at) and _is(one.function, names, parameters)

    return sign


def replaces(path: str, *names: str, **parameters: Any) -> Sign:
    """A layer computes one of the functions instead."""
    return lambda one: isinstance(one, ReplaceLayer) and one.path == path and _is(one.function, names, parameters)


def quiets(path: str) -> Sign:
    """A layer draws nothing."""
    return lambda one: isinstance(one, DrawNothing) and one.path == path


def adds(*sources: str, factor: float | None = None) -> Sign:
    """What one of the layers gets or gives is added, or taken away."""

    def sign(one: Change) -> bool:
        is_one = isinstance(one, AddValue) and (not sources or one.source in sources)
        return is_one and (factor is None or _same(one.factor, factor))

    return sign


def takes(*names: str) -> Sign:
    """One of the functions of an earlier value stands in place of what is there."""
    return lambda one: isinstance(one, AddValue) and one.own == 0 and one.by.name in names


def masks(path: str, is_causal: bool) -> Sign:
    """An attention layer looks ahead, or not."""
    return lambda one: isinstance(one, SetMask) and (one.path, one.is_causal) == (path, is_causal)


def reorders(path: str) -> Sign:
    """The numbers of one of a layer's weights stand in another order."""
    return lambda one: isinstance(one, OrderWeight) and one.name.startswith(path)


def transposes(name: str) -> Sign:
    """A weight's axes are exchanged."""
    return lambda one: isinstance(one, OrderWeight) and one.name == name and one.exchanged is not None


def argues(function: str, name: str, value: Any) -> Sign:
    """A call gets another argument."""
    return lambda one: (
        isinstance(one, SetArgument) and (one.function, one.name) == (function, name) and _same(one.value, value)
    )


def skips(*functions: str) -> Sign:
    """A call of one of the functions is left out."""
    return lambda one: isinstance(one, ReplaceCall) and _called(one) in functions and one.by.name == "identity"


def drops(name: str) -> Sign:
    """A weight that only torch has, whose name begins so, is 0."""
    return lambda one: isinstance(one, DropWeight) and one.name.startswith(name)


def calls(function: str, *names: str, **parameters: Any) -> Sign:
    """A call gives one of the functions instead."""
    return lambda one: isinstance(one, ReplaceCall) and _called(one) == function and _is(one.by, names, parameters)


def grows(name: str) -> Sign:
    """A layer gets a weight that only Keras has."""
    return lambda one: isinstance(one, AddWeight) and one.name.startswith(name)


def shrinks(name: str) -> Sign:
    """A layer does without a weight that only torch has."""
    return lambda one: isinstance(one, RemoveWeight) and one.name.startswith(name)


def trains(name: str, trained: bool) -> Sign:
    """Weights are trained, or not."""
    return lambda one: (
        isinstance(one, SetTrained) and one.trained == trained and all(own.startswith(name) for own in one.names)
    )


def keeps(path: str, how: str) -> Sign:
    """A batch normalisation's statistics are kept another way."""
    return lambda one: isinstance(one, SetStatistics) and (one.path, one.how) == (path, how)


def updates(*settings: str) -> Sign:
    """The optimizer has other settings; its rule is put in their place, with its own rate if it is None."""
    return lambda one: (
        isinstance(one, SetUpdate) and (one.setting in settings or (one.setting == "rate" and one.value is None))
    )


def loses(*names: str) -> Sign:
    """The loss is computed another way; by one of the functions, if any are named."""
    return lambda one: isinstance(one, ChangeLoss) and (not names or one.function.name in names)


def steers(*names: str) -> Sign:
    """Gradients go through one of the functions."""
    return lambda one: isinstance(one, MapGradient) and one.function.name in names


def links(name: str) -> Sign:
    """The outputs, but not what the loss is given, go through a function."""
    return lambda one: isinstance(one, LinkOutputs) and set(one.names) == {name}


def _called(one: ReplaceCall) -> str:
    return one.function.strip("_")


def _is(function: Function, names: Sequence[str], parameters: dict[str, Any]) -> bool:
    known = function.parameters
    return function.name in names and all(
        key in known and _same(known[key], value) for key, value in parameters.items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool | str) or other is None:
        return one == other
    if isinstance(other, tuple):
        return isinstance(one, Sequence) and len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, int | float) and isclose(one, other, rel_tol=1e-6, abs_tol=1e-15)
