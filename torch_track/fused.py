"""Optimizers of torch.optim that update all weights in one call, where torch has such a call for them."""

import inspect
from typing import Any

import torch
from torch import Tensor


def fused(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Let an optimizer that can do its updates fused do so; the numbers are the same to rounding."""
    takes = inspect.signature(type(optimizer).__init__).parameters
    if type(optimizer).__module__.startswith("torch.optim") and "fused" in takes:
        for group in optimizer.param_groups:
            group["fused"], group["foreach"] = True, False
        optimizer.register_step_pre_hook(_in_order_of_memory)
    return optimizer


def _in_order_of_memory(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Let gradients and what is remembered lie in memory as their weights do.

    torch's fused updates go through memory number by number, and ask nobody whether it is the same number of each
    (torch 2.13): a state from a file, or a gradient that something has replaced, is in the ordinary order.
    """
    for group in optimizer.param_groups:
        for one in group["params"]:
            if one.grad is not None and one.grad.stride() != one.stride():
                one.grad = _as(one, one.grad)
            state = optimizer.state.get(one, {})
            for name, kept in state.items():
                if isinstance(kept, Tensor) and kept.shape == one.shape and kept.stride() != one.stride():
                    state[name] = _as(one, kept)


def _as(weight: Tensor, other: Tensor) -> Tensor:
    return torch.empty_like(weight).copy_(other)
