"""What `--set loss=...` means: losses that a chapter's outputs and targets fit too, by name and numbers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.spec.loss_specs import (
    AbsoluteError,
    BinaryCrossEntropy,
    CategoricalFocal,
    CrossEntropy,
    Focal,
    Huber,
    Loss,
)
from twotrack.shared.spec.losses import LossName

Numbers = Sequence[float]
Make = Callable[[Numbers], Loss | None]


def _one(make: Callable[[float], Loss], default: float, numbers: Numbers) -> Loss:
    if len(numbers) > 1:
        raise ValueError("one number")
    return make(numbers[0] if numbers else default)


def _none(make: Callable[[], Loss | None], numbers: Numbers) -> Loss | None:
    if numbers:
        raise ValueError("no number")
    return make()


def _weighted(numbers: Numbers) -> Loss:
    if len(numbers) < 2:
        raise ValueError("a weight for each class, with commas")
    return CrossEntropy(class_weights=tuple(numbers), divisor="rows")


def _focal(numbers: Numbers) -> Loss:
    if len(numbers) > 2:
        raise ValueError("gamma, or gamma and alpha")
    return Focal(*numbers)


LOSSES: Mapping[LossName, Mapping[str, Make]] = {
    "cross_entropy": {
        "cross_entropy": partial(_none, lambda: None),
        "smoothed": partial(_one, lambda share: CrossEntropy(label_smoothing=share), 0.1),
        "focal": partial(_one, lambda gamma: CategoricalFocal(gamma=gamma), 2.0),
        "weighted": _weighted,
    },
    "binary_cross_entropy": {
        "binary_cross_entropy": partial(_none, lambda: None),
        "smoothed": partial(_one, lambda share: BinaryCrossEntropy(label_smoothing=share), 0.1),
        "focal": _focal,
        "weighted": partial(_one, lambda weight: BinaryCrossEntropy(pos_weight=weight), 2.0),
    },
    "mean_squared_error": {
        "mean_squared_error": partial(_none, lambda: None),
        "absolute": partial(_none, AbsoluteError),
        "huber": partial(_one, lambda delta: Huber(delta=delta), 1.0),
    },
}
"""By the chapter's own loss and by name; the numbers stand behind a colon."""


def parse_loss(what: str, own: LossName, text: str) -> Loss | None:
    """Return the loss of NAME or NAME:NUMBER[,NUMBER]; None for the chapter's own. UserError if it does not fit."""
    name, colon, given = text.partition(":")
    if name not in LOSSES[own]:
        raise unknown(f"value for {what}", name, LOSSES[own])
    try:
        numbers = [float(one) for one in given.split(",")] if colon else []
    except ValueError:
        raise UserError(f"{what}: expected numbers behind '{name}:', with commas, found '{given}'.") from None
    try:
        return LOSSES[own][name](numbers)
    except ValueError as error:
        raise UserError(f"{what}: expected {error} behind '{name}', found '{given}'.") from None
