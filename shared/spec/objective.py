"""What a pair is trained for: one loss for every output, a loss for each, or the user's own function of all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from twotrack.shared.errors import UserError
from twotrack.shared.spec.loss_specs import Loss, OfScores, TargetKind, Weights
from twotrack.shared.spec.losses import TARGET_KINDS, LossName
from twotrack.shared.spec.sides import TORCH

if TYPE_CHECKING:
    import numpy as np

_REQUIRED: Any = object()
"""In place of a value that has to be given behind others that need not."""
Framework = Literal["keras", "torch"]


@dataclass(frozen=True)
class CustomLoss:
    """A loss of the user's own: functions that return the loss object of each framework that the pair has."""

    keras: Callable[[], Any] | None = None
    """Returns a keras.losses.Loss, or, where `target` is a tuple, a list of them, one for each output."""
    torch: Callable[[], Any] | None = None
    """Returns a callable (outputs, targets) -> scalar, which gets `mask` and `weights` by name where the pair says so.

    Where `target` is a tuple, outputs and targets are lists of all.
    """
    target: TargetKind | tuple[TargetKind, ...] = _REQUIRED
    """A kind for all outputs, or one for each."""
    weights: Weights = ""
    """What a batch brings: Keras gets it as sample_weight, torch's function as `weights`."""
    mask: str = ""
    """Name of the model's input that is 0 at padded steps: torch's function gets `mask`, (batch, steps), True where a
    step is real. Keras' model sends its own along, or none."""
    class_weight: Mapping[int, float] = field(default_factory=dict)
    """What Keras' fit and train_on_batch get as class_weight; torch's function has its own."""
    loss_weights: tuple[float, ...] = ()
    """What Keras' compile gets as loss_weights; torch's function has its own."""

    def __post_init__(self) -> None:
        if self.target is _REQUIRED:
            raise UserError("CustomLoss: expected target='classes', 'binary' or 'real', found none.")
        if self.class_weight and self.weights:
            raise UserError("CustomLoss: Keras takes class_weight or sample weights, found both.")
        if self.is_whole and (self.weights or self.mask):
            raise UserError("CustomLoss: expected no weights and no mask for a function of all outputs, found one.")

    def of(self, framework: Framework) -> Callable[[], Any]:
        """Return a framework's function; UserError if there is none."""
        return given(self.torch if framework == TORCH else self.keras, "CustomLoss", framework)

    @property
    def is_whole(self) -> bool:
        """It is one function of all outputs."""
        return isinstance(self.target, tuple)


def given(function: Callable[..., Any] | None, kind: str, framework: Framework) -> Callable[..., Any]:
    """Return the user's function for a framework; UserError if there is none."""
    if function is None:
        raise UserError(f"{kind}: expected a function for {framework}, which the pair has, found none: {framework}=...")
    return function


OneLoss = LossName | Loss | CustomLoss


@dataclass(frozen=True)
class OutputLoss:
    """The loss of one output among several."""

    loss: OneLoss
    weight: float = 1.0
    """It is multiplied by this before all are added up."""
    torch_weight: float | None = None
    """What torch's training multiplies by, where that is something else."""

    def factor(self, is_torch: bool) -> float:
        """What a side multiplies by."""
        return self.weight if not is_torch or self.torch_weight is None else self.torch_weight


LossSpec = OneLoss | Mapping[str, OneLoss | OutputLoss]
Objective = OneLoss | tuple[OutputLoss, ...]
"""A loss for every output, or one for each in the order of the model's."""


def objective(loss: LossSpec, names: Sequence[str], known: bool) -> Objective:
    """Return the losses in the order of a model's outputs; UserError unless there is one for each, in that order.

    Where the names are `known`, as those of Keras' outputs and of mappings are, they must be those of the losses.
    """
    if not isinstance(loss, Mapping):
        return loss
    if len(loss) != len(names) or (known and list(loss) != list(names)):
        raise UserError(
            f"loss: expected one for each output, in the order {', '.join(names)}, found {', '.join(loss) or 'none'}."
        )
    return in_order(loss)


def in_order(loss: LossSpec) -> Objective:
    """Return the losses as the pair has them in order."""
    if not isinstance(loss, Mapping):
        return loss
    return tuple(one if isinstance(one, OutputLoss) else OutputLoss(one) for one in loss.values())


def losses_of(goal: Objective, outputs: int) -> list[OutputLoss]:
    """Return the loss of each output; UserError unless there are as many."""
    parts = list(goal) if isinstance(goal, tuple) else [OutputLoss(goal)] * outputs
    kinds = goal.target if isinstance(goal, CustomLoss) and goal.is_whole else parts
    if len(kinds) != outputs:
        raise UserError(f"loss: expected one for each of {outputs} outputs, found {len(kinds)}.")
    return parts


def kinds_of(goal: Objective, outputs: int) -> list[TargetKind]:
    """Return what the loss of each output takes as targets."""
    parts = losses_of(goal, outputs)
    if isinstance(goal, CustomLoss) and isinstance(goal.target, tuple):
        return list(goal.target)
    return [kind_of(part.loss) for part in parts]


def kind_of(loss: OneLoss) -> TargetKind:
    """Return what a loss takes as targets, that of the first output for a function of all."""
    if isinstance(loss, CustomLoss):
        return loss.target[0] if isinstance(loss.target, tuple) else loss.target
    return loss.target_kind if isinstance(loss, Loss) else TARGET_KINDS[loss]


def stated(goal: Objective, is_torch: bool) -> dict[str, Any] | None:
    """Return what a loss of twotrack's expects and does, as its hyperparameters; None for the user's own."""
    if isinstance(goal, CustomLoss):
        return None
    if isinstance(goal, tuple):
        return {"kind": "a loss for each output", "from_logits": True, "label_smoothing": 0.0}
    if not isinstance(goal, Loss):
        return {"kind": goal, "from_logits": True, "label_smoothing": 0.0}
    return {
        "kind": type(goal).__name__,
        "from_logits": not isinstance(goal, OfScores) or goal.taken(is_torch=is_torch) == "logits",
        "label_smoothing": float(getattr(goal, "label_smoothing", 0.0)),
    }


def weights_of(goal: Objective, outputs: int) -> list[Weights]:
    """Return what a batch brings for each output."""
    return ["" if isinstance(part.loss, str) else part.loss.weights for part in losses_of(goal, outputs)]


def masks_of(goal: Objective, outputs: int) -> list[str]:
    """Return the input that says which steps of each output are padded; empty for none."""
    return ["" if isinstance(part.loss, str) else part.loss.mask for part in losses_of(goal, outputs)]


def weights_shape(kind: Weights, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of what a batch brings for an output (batch, ...)."""
    return tuple(shape[: 2 if kind == "steps" else 1])


Arrays = Sequence["np.ndarray"]


def split(goal: Objective, targets: Arrays, outputs: int) -> "tuple[Arrays, list[np.ndarray | None]]":
    """Return targets, and what the batch brings as weights for each output; these stand behind the targets."""
    own = iter(targets[outputs:])
    return targets[:outputs], [next(own) if kind else None for kind in weights_of(goal, outputs)]


def row_weights(weights: "np.ndarray | None", mask: "np.ndarray | None") -> "np.ndarray | None":
    """Return weights (batch,) or (batch, steps) as a loss spec takes them: -1 where a step is padded."""
    if mask is None:
        return weights
    import numpy as np

    own = np.ones(1) if weights is None else weights
    own = own[:, None] if own.ndim < mask.ndim and own.shape != (1,) else own
    return np.where(mask, own, -1.0)


def real_steps(name: str, inputs: "Mapping[str, np.ndarray]") -> "np.ndarray":
    """Return which steps (batch, steps) are real, by the input of that name; UserError if there is none."""
    if name not in inputs:
        raise UserError(f"loss: expected mask= to name an input ({', '.join(inputs)}), found '{name}'.")
    real = inputs[name] != 0
    return real if real.ndim <= 2 else real.reshape(*real.shape[:2], -1).any(-1)
