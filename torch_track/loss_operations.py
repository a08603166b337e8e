"""Torch's operations under the names and arguments of keras.ops, for the formulas of losses and penalties."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

abs = torch.abs  # noqa: A001 - the names are those of keras.ops
exp, expm1, log, log1p = torch.exp, torch.expm1, torch.log, torch.log1p
sqrt, square, power, maximum = torch.sqrt, torch.square, torch.pow, torch.maximum
ones_like, zeros_like, reshape, matmul, transpose = (
    torch.ones_like, torch.zeros_like, torch.reshape, torch.matmul, torch.permute,
)  # fmt: skip


def sum(x: Tensor, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the sum over axes, all of them for None; of integers and Booleans too."""
    return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)


def max(x: Tensor, axis: int) -> Tensor:  # noqa: A001
    """Return the maximum over an axis."""
    return x.amax(axis)


def where(condition: Tensor, x: Tensor, y: Any) -> Tensor:
    """Return x where the condition holds, else y, a tensor or a number."""
    return torch.where(condition, x, y)


def cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x in a type."""
    return x.to(dtype)


def one_hot(x: Tensor, classes: int) -> Tensor:
    """Return a last axis with 1 at the place of each integer; of one that is no class zeros, as Keras does."""
    return (x[..., None] == torch.arange(classes, device=x.device)).to(torch.int64)


def log_softmax(x: Tensor, axis: int) -> Tensor:
    """Return the logarithm of the softmax over an axis."""
    return functional.log_softmax(x, axis)


def concatenate(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Join tensors along an axis."""
    return torch.cat(list(parts), axis)


def stack(parts: Sequence[Tensor]) -> Tensor:
    """Join tensors along a new first axis."""
    return torch.stack(list(parts))


def logsumexp(x: Tensor, axis: int) -> Tensor:
    """Return the logarithm of the sum of exponentials over an axis."""
    return torch.logsumexp(x, axis)


def cumsum(x: Tensor, axis: int) -> Tensor:
    """Return running sums along an axis."""
    return torch.cumsum(x, axis)
