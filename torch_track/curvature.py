"""Sophia's estimate of the curvature in torch: one forward and backward pass on labels that the model draws."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.spec.curvature import draw_noise, require_named
from twotrack.shared.spec.losses import TARGET_KINDS, LossName
from twotrack.shared.spec.objective import Objective
from twotrack.torch_track.losses import LOSSES
from twotrack.torch_track.optimizers import Sophia


class Curvature:
    """Estimates the curvature where the module's optimizer is Sophia; other optimizers need none.

    Raises UserError for Sophia with a loss of the user's own.
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, loss: Objective):
        self._module = module
        self._estimated = (optimizer, require_named(loss)) if isinstance(optimizer, Sophia) else None

    def update_if_due(self, forward: Callable[[], Sequence[Tensor]]) -> None:
        """Before a step, update Sophia's h if it is its turn; `forward` returns the outputs on the step's batch.

        Leaves weights and buffers, such as running statistics, as they are, and no gradients.
        """
        if self._estimated is None or not self._estimated[0].estimate_due:
            return
        sophia, loss = self._estimated
        sophia.zero_grad()
        with _buffers_kept(self._module):
            losses = [
                _weighted_loss(loss, output, draw_noise(loss, output.shape, sophia.iterations, number))
                for number, output in enumerate(forward())
            ]
            reduce(torch.add, losses).backward()
        sophia.update_curvature()
        sophia.zero_grad()


def _weighted_loss(loss: LossName, output: Tensor, noise: np.ndarray) -> Tensor:
    """Return the mean loss in the labels that `noise` draws, times the root of their number."""
    labels = read_labels(output, loss, noise)
    return sqrt(labels.numel()) * LOSSES[loss](output, labels)


def read_labels(output: Tensor, loss: LossName, noise: np.ndarray) -> Tensor:
    """Return the labels that `noise` makes of an output of the same shape; see twotrack.shared.spec.curvature."""
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
