"""The loss that trains a module, on outputs that no module gave."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.probe import LossBatch, LossRun

TotalLoss = Callable[[Sequence[Tensor], Sequence[np.ndarray]], Tensor]
"""Maps outputs and targets to the loss of all of them."""


def run(loss: TotalLoss, batch: LossBatch, device: str, dtype: torch.dtype) -> LossRun:
    """Return the loss of a batch and its gradients; masks are Keras' own, and torch's losses know none."""
    outputs = [torch.from_numpy(array).to(device, dtype).requires_grad_() for array in batch.outputs]
    try:
        value = loss(outputs, batch.targets)
        gradients = torch.autograd.grad(value, outputs, allow_unused=True, materialize_grads=True)
    except UserError:
        raise
    except Exception as error:  # whatever a user's loss may raise
        return LossRun(float("nan"), [], [], one_line(error))
    return LossRun(value.item(), [gradient.cpu().numpy() for gradient in gradients], [])
