"""The named losses in torch. Each maps outputs and targets, see shared/spec/losses.py, to a mean over the batch."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional

from twotrack.shared.spec.losses import LossName

Loss = Callable[[Tensor, Tensor], Tensor]


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
