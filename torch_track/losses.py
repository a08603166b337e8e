"""The losses in torch: the named ones, see shared/spec/losses.py, and those of shared/spec/loss_specs.py."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from twotrack.shared.errors import as_user_error
from twotrack.shared.spec import loss_specs
from twotrack.shared.spec.loss_formulas import loss_value
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import CustomLoss, OneLoss, row_weights
from twotrack.torch_track import loss_operations

Loss = Callable[[Tensor, Tensor], Tensor]
Weighed = Callable[[Tensor, Tensor, np.ndarray | None, np.ndarray | None], Tensor]
"""Maps outputs, targets, what the batch brings as weights, and which steps are real, to a scalar."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of logits (..., classes) for labels (...)."""
    return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


LOSSES: Mapping[LossName, Loss] = MappingProxyType(
    {
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
        "mean_squared_error": functional.mse_loss,
    }
)


def build(loss: OneLoss) -> Loss:
    """Return the loss as a callable (outputs, targets, ...) -> scalar; UserError if a function of the user's fails."""
    if isinstance(loss, CustomLoss):
        with as_user_error("the torch loss function failed"):
            return loss.of("torch")()
    return FromSpec(loss) if isinstance(loss, loss_specs.Loss) else LOSSES[loss]


class FromSpec:
    """A loss of shared/spec/loss_specs.py."""

    def __init__(self, spec: loss_specs.Loss):
        self.spec = spec

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the loss; weights are (batch,) or (batch, steps), -1 for what is left out."""
        return loss_value(loss_operations, self.spec, True, outputs, targets, weights)


def weighed(loss: OneLoss, made: Loss) -> Weighed:
    """Return a loss that `build` made as a function of weights and masks too."""
    if isinstance(loss, loss_specs.Loss):
        return lambda x, y, weights, mask: made(x, y, _like(row_weights(weights, mask), x))  # type: ignore[call-arg]
    if not isinstance(loss, CustomLoss):
        return lambda x, y, weights, mask: made(x, y)

    def own(x: Tensor, y: Tensor, weights: np.ndarray | None, mask: np.ndarray | None) -> Tensor:
        named = {"weights": _like(weights, x)} if loss.weights else {}
        if loss.mask:
            real = np.ones(x.shape[:2], bool) if mask is None else mask
            named["mask"] = torch.from_numpy(real).to(x.device)
        return made(x, y, **named)

    return own


def _like(array: np.ndarray | None, x: Tensor) -> Tensor | None:
    return None if array is None else torch.from_numpy(array).to(x)
