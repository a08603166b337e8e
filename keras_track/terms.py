"""What Keras holds to weights beside the loss: penalties, which are added to it, and constraints after a step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from twotrack.keras_track.autodiff import value_and_gradients
from twotrack.shared.errors import UserError
from twotrack.shared.spec.regularisation import (
    Activity,
    Penalty,
    WeightPenalty,
    activity_value,
    by_weight,
    constrained,
    penalty_value,
)

Constraint = Callable[[Any], Any]

NEGLIGIBLE = 1e-300
"""An epsilon that float64 loses in any norm but zero."""
IDLE = 1e-14
"""Relative: a constraint that moves no element further than rounding does nothing."""


def penalty(variables: Sequence[keras.Variable], values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return the sum of all penalties at these values of the variables, and its gradients; zeros without any."""
    chosen = [(number, variable.regularizer) for number, variable in enumerate(variables) if variable.regularizer]
    if not chosen:
        return 0.0, [0.0] * len(values)

    def total(tensors: Sequence[Any]) -> Any:
        return sum(regularizer(tensor) for (_, regularizer), tensor in zip(chosen, tensors, strict=True))

    value, gradients = value_and_gradients(total, [values[number] for number, _ in chosen])
    found = dict(zip((number for number, _ in chosen), gradients, strict=True))
    return value, [found.get(number, 0.0) for number in range(len(values))]


def hold(penalties: Sequence[Penalty], constraints: Sequence[Any], variables: Mapping[str, keras.Variable]) -> None:
    """Give variables, by canonical name, what a pair holds to them; UserError where a layer brings its own already."""
    for kind, attribute, held in (("penalty", "regularizer", penalties), ("constraint", "constraint", constraints)):
        for name, specs in by_weight(held, False, list(variables)).items():
            if getattr(variables[name], attribute) is not None:
                raise UserError(
                    f"{type(specs[0]).__name__}: the Keras model brings a {kind} of '{name}' itself; say "
                    "sides='torch', or leave it out of the model."
                )
            setattr(variables[name], attribute, _WRAPPED[kind](specs))


class _Penalties(keras.regularizers.Regularizer):
    def __init__(self, specs: Sequence[WeightPenalty]):
        self._specs = specs

    def __call__(self, x: Any) -> Any:
        weight = ops.convert_to_tensor(x)
        return sum(penalty_value(one, ops, weight) for one in self._specs)


class _Constraints(keras.constraints.Constraint):
    def __init__(self, specs: Sequence[Any]):
        self._specs = specs

    def __call__(self, w: Any) -> Any:
        weight = ops.convert_to_tensor(w)
        for one in self._specs:
            weight = constrained(one, ops, weight)
        return weight


_WRAPPED: Mapping[str, Callable[[Any], Any]] = {"penalty": _Penalties, "constraint": _Constraints}


class ActivityPenalty(keras.regularizers.Regularizer):
    """Penalises what a layer gives; Keras itself divides by the batch size."""

    def __init__(self, spec: Activity):
        self.spec = spec

    def __call__(self, x: Any) -> Any:
        """Return the penalty of the whole batch."""
        return activity_value(self.spec, ops, x) * x.shape[0]


def watch(penalties: Sequence[Penalty], layers: Mapping[str, keras.layers.Layer]) -> None:
    """Give layers, by canonical path, penalties of what they give; UserError if there is no such layer."""
    for one in penalties:
        if isinstance(one, Activity) and one.on(is_torch=False):
            if one.layer not in layers:
                raise UserError(f"Activity: the Keras model has no layer '{one.layer}'.")
            layers[one.layer].activity_regularizer = ActivityPenalty(one)


@contextmanager
def relaxed(variables: Sequence[keras.Variable], kind: str) -> Iterator[None]:
    """Let the constraints of the variables, for a while, be those of RELAXED[kind]."""
    before = [variable.constraint for variable in variables]
    for variable, constraint in zip(variables, before, strict=True):
        variable.constraint = constraint and RELAXED[kind](constraint)
    try:
        yield
    finally:
        for variable, constraint in zip(variables, before, strict=True):
            variable.constraint = constraint


def _without_epsilon(constraint: Constraint) -> Constraint:
    def constrained(weight: Any) -> Any:
        with _epsilon(NEGLIGIBLE):
            return constraint(weight)

    return constrained


def _idle_or_as_it_is(constraint: Constraint) -> Constraint:
    exact = _without_epsilon(constraint)

    def constrained(weight: Any) -> Any:
        weight = ops.convert_to_tensor(weight)
        moved = ops.abs(exact(weight) - weight) > IDLE * ops.abs(weight)
        return ops.where(moved, constraint(weight), weight)

    return constrained


@contextmanager
def _epsilon(value: float) -> Iterator[None]:
    before = keras.config.epsilon()
    keras.config.set_epsilon(value)
    try:
        yield
    finally:
        keras.config.set_epsilon(before)


RELAXED: Mapping[str, Callable[[Constraint], Constraint]] = {
    "without epsilon": _without_epsilon,
    "idle where it changes nothing": _idle_or_as_it_is,
}
"""Keras' norms divide by the norm + 1e-7, so a maximum norm shrinks weights that are within it, by 1e-7 a step. Torch's
counterparts do without the epsilon, or leave alone what is within."""
