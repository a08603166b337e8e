"""Batch normalisation over the batches of all replicas, on any device: torch's SyncBatchNorm asks for a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

_group: list[Any] = []
"""Process group of the replicas that share statistics, while they do."""


@contextmanager
def shared_by(group: Any) -> Iterator[None]:
    """Let batch normalisation inside the block take mean and variance over the batches of a process group."""
    _group.append(group)
    try:
        with patch.object(functional, "batch_norm", _over_all(functional.batch_norm)), as_asked_for(group):
            yield
    finally:
        _group.pop()


@contextmanager
def as_asked_for(group: Any) -> Iterator[None]:
    """Let layers inside the block that are torch's SyncBatchNorm do that, and no others."""

    def forward(layer: SyncBatchNorm, x: Tensor) -> Tensor:
        with nullcontext() if _group else shared_by(group):
            return _BatchNorm.forward(layer, x)

    with patch.object(SyncBatchNorm, "forward", forward):
        yield


def values_of_channel(x: Tensor) -> int:
    """Return how many values a channel of x (batch, channels, ...) has, over all replicas that share statistics."""
    count = x.numel() // x.shape[1]
    return int(_total(torch.tensor(count))) if _group else count


def _total(tensor: Tensor) -> Tensor:
    """Return the sum over the replicas; gradients go back to each of them."""
    return all_reduce(tensor, group=_group[-1])


def _over_all(alone: Any) -> Any:
    """Return torch's batch_norm that, in training, normalises by the statistics of all replicas."""

    def batch_norm(
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return alone(x, running_mean, running_var, weight, bias, training, momentum, eps)
        axes, form = [0, *range(2, x.ndim)], (1, -1, *(1 for _ in range(2, x.ndim)))
        wide, count = x if x.dtype == torch.float64 else x.float(), values_of_channel(x)
        mean = _total(wide.sum(axes)) / count
        centred = wide - mean.view(form)
        variance = _total((centred**2).sum(axes)) / count
        _note(running_mean, mean, momentum)
        _note(running_var, variance * (count / max(1, count - 1)), momentum)
        y = centred * torch.rsqrt(variance + eps).view(form)
        y = y if weight is None else y * weight.view(form)
        return (y if bias is None else y + bias.view(form)).to(x.dtype)

    return batch_norm


def _note(running: Tensor | None, value: Tensor, momentum: float) -> None:
    """Move a running statistic towards a value."""
    if running is not None:
        with torch.no_grad():
            running.mul_(1 - momentum).add_(value.detach().to(running.dtype), alpha=momentum)
