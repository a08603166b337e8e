"""Sophia's estimate of the curvature in torch: one forward and backward pass on labels that the model draws."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.curvature import draw_noise, require_named
from twotrack.shared.losses import TARGET_KINDS, LossName
from twotrack.shared.verify.pair import CustomLoss
from twotrack.torch_track.losses import LOSSES
from twotrack.torch_track.optimizers import Sophia


class Curvature:
    """Estimates the curvature where the module's optimizer is Sophia; other optimizers need none.

    Raises UserError for Sophia with a loss of the user's own.
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, loss: LossName | CustomLoss):
        self._module, self._sophia = module, optimizer if isinstance(optimizer, Sophia) else None
        self._loss = require_named(loss) if self._sophia else None

    def update_if_due(self, forward: Callable[[], Sequence[Tensor]]) -> None:
        """Before a step, update Sophia's h if it is its turn; `forward` returns the outputs on the step's batch.

        Leaves weights and buffers, such as running statistics, as they are, and no gradients.
        """
        if self._sophia is None or not self._sophia.estimate_due:
            return
        self._sophia.zero_grad()
        with _buffers_kept(self._module):
            sum(self._weighted_loss(number, output) for number, output in enumerate(forward())).backward()
        self._sophia.update_curvature()
        self._sophia.zero_grad()

    def _weighted_loss(self, number: int, output: Tensor) -> Tensor:
        """Return the mean loss in drawn labels, times the root of their number."""
        labels = read_labels(output, self._loss, draw_noise(self._loss, output.shape, self._sophia.iterations, number))
        return sqrt(labels.numel()) * LOSSES[self._loss](output, labels)


def read_labels(output: Tensor, loss: LossName, noise: np.ndarray) -> Tensor:
    """Return the labels that `noise` makes of an output of the same shape; see twotrack.shared.curvature."""
    noisy = output.detach() + torch.from_numpy(noise).to(output)
    match TARGET_KINDS[loss]:
        case "classes":
            return noisy.argmax(-1)
        case "binary":
            return (noisy > 0).to(noisy.dtype)
        case "real":
            return noisy


@contextmanager
def _buffers_kept(module: nn.Module) -> Iterator[None]:
    """Give every buffer back, afterwards, the value that it had before."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
