"""What is held to weights beside the loss: penalties, which are added to it, and constraints, after every step.

Weights are chosen by patterns of the shell on their canonical names, such as "*.kernel" and "dense1.*", and are in
canonical form: dense kernels (inputs, outputs), convolution kernels (height, width, inputs, outputs). `ops` has the
names of keras.ops; see loss_formulas.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import singledispatch
from math import prod
from typing import Any, Literal

from twotrack.shared.errors import UserError

Sides = Literal["both", "keras", "torch"]
KERNELS = ("*kernel",)
"""All kernels, of recurrent layers too; no bias, no embedding, nothing of a normalisation."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What penalties and constraints have in common."""

    weights: str | tuple[str, ...] = KERNELS
    """Patterns of names; a weight that one of them fits is meant."""
    sides: Sides = "both"
    """Which sides' training is given it. The other brings its own: a Keras layer's kernel_regularizer, say."""

    def on(self, is_torch: bool) -> bool:
        """Tell whether a side is given it."""
        return self.sides in ("both", "torch" if is_torch else "keras")

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Return the names that are meant; UserError for none."""
        patterns = (self.weights,) if isinstance(self.weights, str) else self.weights
        names = list(names)
        found = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
        if not found:
            told = ", ".join(map(repr, patterns))
            raise UserError(f"{type(self).__name__}: no trained weight fits {told}; there are: {', '.join(names)}.")
        return found


# === Penalties ===


@dataclass(frozen=True)
class L1(Held):
    """penalty = strength * sum of |w|."""

    strength: float


@dataclass(frozen=True)
class L2(Held):
    """penalty = strength * sum of w^2, as keras.regularizers.L2 has it; the gradient is 2 * strength * w.

    torch's weight_decay=c puts c * w into the gradient, or takes learning_rate * c * w off the weight: for SGD without
    momentum that is L2(c / 2). With momentum, and in Adam, an L2 penalty goes through the moments, as weight_decay of
    torch.optim.SGD and Adam does; that of AdamW does not.
    """

    strength: float

    @classmethod
    def of_weight_decay(cls, weight_decay: float, **rest: Any) -> "L2":
        """Return the penalty that adds weight_decay * w to gradients, as torch.optim.SGD and Adam do."""
        return cls(weight_decay / 2, **rest)


@dataclass(frozen=True)
class Orthogonal(Held):
    """penalty = strength * sum of (K^T K - I)^2 (Brock et al. 2017, section 3.2).

    K is the kernel as a matrix (all other axes, outputs).
    """

    strength: float


@dataclass(frozen=True)
class Activity:
    """penalty = (l2 * sum of a^2 + l1 * sum of |a|) / batch size, of what a layer gives, in training mode.

    As activity_regularizer of a Keras layer has it; `layer` is its canonical path.
    """

    layer: str
    l2: float = 0.0
    l1: float = 0.0
    sides: Sides = "both"
    torch_layer: str = ""
    """Path of torch's layer that gives the same, if it has another: the one of an activation that Keras has inside."""

    def path(self, is_torch: bool) -> str:
        """Return the canonical path of a side's layer."""
        return self.torch_layer if is_torch and self.torch_layer else self.layer

    def on(self, is_torch: bool) -> bool:
        """Tell whether a side is given it."""
        return self.sides in ("both", "torch" if is_torch else "keras")


@dataclass(frozen=True)
class CustomPenalty:
    """What torch's training adds to the loss for its weights, by hand.

    The function maps the module to a scalar. Keras' side has its own, such as a layer's kernel_regularizer.
    """

    torch: Callable[[Any], Any]

    def on(self, is_torch: bool) -> bool:
        """Torch's alone."""
        return is_torch


WeightPenalty = L1 | L2 | Orthogonal
Penalty = WeightPenalty | Activity | CustomPenalty


@singledispatch
def penalty_value(penalty: Held, ops: Any, weight: Any) -> Any:
    """Return the penalty of one weight in canonical form."""
    raise TypeError(f"no formula for {type(penalty).__name__}")


@penalty_value.register
def _(penalty: L1, ops: Any, weight: Any) -> Any:
    return penalty.strength * ops.sum(ops.abs(weight))


@penalty_value.register
def _(penalty: L2, ops: Any, weight: Any) -> Any:
    return penalty.strength * ops.sum(weight * weight)


@penalty_value.register
def _(penalty: Orthogonal, ops: Any, weight: Any) -> Any:
    outputs = weight.shape[-1]
    matrix = ops.reshape(weight, (prod(weight.shape[:-1]), outputs))
    product = ops.sum(matrix[:, :, None] * matrix[:, None, :], axis=0)
    # sum of (P - I)^2 without a constant matrix
    return penalty.strength * (ops.sum(product * product) - 2 * ops.sum(matrix * matrix) + outputs)


def activity_value(activity: Activity, ops: Any, values: Any) -> Any:
    """Return the penalty of what a layer gave, (batch, ...)."""
    total = activity.l2 * ops.sum(values * values) + activity.l1 * ops.sum(ops.abs(values))
    return total / values.shape[0]


# === Constraints ===


@dataclass(frozen=True)
class MaxNorm(Held):
    """After a step, w = w * limit / |w| where |w| > limit; |w| is the Euclidean norm over `axes`.

    For a dense kernel (inputs, outputs), axes 0: the weights into one unit (Srivastava et al. 2014, section 5.1).
    Keras' own divides by |w| + 1e-7, and so moves weights that are within the limit too.
    """

    limit: float = 2.0
    axes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class UnitNorm(Held):
    """After a step, w = w / |w|, with the Euclidean norm over `axes`; 0 stays 0."""

    axes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class NonNegative(Held):
    """After a step, w = max(w, 0)."""


Constraint = MaxNorm | UnitNorm | NonNegative


@singledispatch
def constrained(constraint: Held, ops: Any, weight: Any) -> Any:
    """Return one weight, in canonical form, as the constraint leaves it."""
    raise TypeError(f"no formula for {type(constraint).__name__}")


@constrained.register
def _(constraint: MaxNorm, ops: Any, weight: Any) -> Any:
    norm = _norm(ops, weight, constraint.axes)
    is_large = norm > constraint.limit
    factor = ops.where(is_large, constraint.limit / ops.where(is_large, norm, ops.ones_like(norm)), ops.ones_like(norm))
    return weight * factor


@constrained.register
def _(constraint: UnitNorm, ops: Any, weight: Any) -> Any:
    norm = _norm(ops, weight, constraint.axes)
    return weight / ops.where(norm > 0, norm, ops.ones_like(norm))


@constrained.register
def _(constraint: NonNegative, ops: Any, weight: Any) -> Any:
    return ops.where(weight > 0, weight, ops.zeros_like(weight))


def _norm(ops: Any, weight: Any, axes: Sequence[int]) -> Any:
    return ops.sqrt(ops.sum(weight * weight, axis=tuple(axes), keepdims=True))


# === Which weights ===


def by_weight(held: Sequence[Any], is_torch: bool, names: Sequence[str]) -> Mapping[str, list[Any]]:
    """Return what a side is given for each weight, by its name, of those that training updates; UserError as chosen."""
    found: dict[str, list[Any]] = {}
    for one in held:
        if isinstance(one, Held) and one.on(is_torch):
            for name in one.chosen(names):
                found.setdefault(name, []).append(one)
    return found


KINDS: tuple[type, ...] = (L1, L2, Orthogonal, Activity, MaxNorm, UnitNorm, NonNegative)
"""All that are plain data."""
