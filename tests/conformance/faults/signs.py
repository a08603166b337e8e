"""What a change must be to be the planted fault: several descriptions of one fault may all be right."""

from collections.abc import Callable, Sequence
from math import isclose
from typing import Any

from twotrack.shared.spec.changes import (
    AddValue,
    Change,
    DropWeight,
    Function,
    MapValue,
    OrderWeight,
    ReplaceLayer,
    SetArgument,
    SetHyperparameter,
    ReplaceCall,
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


def adds(*sources: str, factor: float | None = None) -> Sign:
    """What one of the layers gets or gives is added, or taken away."""

    def sign(one: Change) -> bool:
        is_one = isinstance(one, AddValue) and (not sources or one.source in sources)
        return is_one and (factor is None or _same(one.factor, factor))

    return sign


def reorders(path: str) -> Sign:
    """The numbers of one of a layer's weights stand in another order."""
    return lambda one: isinstance(one, OrderWeight) and one.name.startswith(path)


def transposes(name: str) -> Sign:
    """A weight's axes are exchanged."""
    return lambda one: isinstance(one, OrderWeight) and one.name == name and one.is_transposed


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


def of_training(one: Change) -> bool:
    """It is no change of the model's values: what it means is in its words."""
    return not isinstance(one, MapValue | ReplaceLayer | AddValue | OrderWeight | SetArgument | ReplaceCall)


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
