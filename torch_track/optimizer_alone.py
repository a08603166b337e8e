"""An optimizer of torch on parameters of no module."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

KERNEL = ".kernel"
"""Dense kernels lie the other way round in torch: (outputs, inputs)."""


def from_canonical(name: str, array: np.ndarray, axes: tuple[int, int] = (0, 1)) -> np.ndarray:
    """Return a parameter, or its gradients stacked in front of `axes`, as torch holds it; its own inverse."""
    return array.swapaxes(*axes) if name.endswith(KERNEL) else array


def named_parameters(parameters: Mapping[str, np.ndarray], device: str, dtype: torch.dtype) -> dict[str, nn.Parameter]:
    """Return a parameter for each name."""
    return {
        name: nn.Parameter(torch.tensor(from_canonical(name, array), device=device, dtype=dtype))
        for name, array in parameters.items()
    }


def run(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    gradients: Mapping[str, np.ndarray],
    checkpoints: Sequence[int],
) -> tuple[list[dict[str, np.ndarray]], list[float]]:
    """Take gradients (steps, ...) by name; return the values at checkpoints, and every step's learning rate.

    No learning rates if the optimizer's groups have several.
    """
    rates, kept = record_rates(optimizer), []
    stacked = {
        name: torch.tensor(from_canonical(name, gradients[name], (1, 2))).to(parameter)
        for name, parameter in parameters.items()
    }
    for step in range(checkpoints[-1]):
        for name, parameter in parameters.items():
            parameter.grad = stacked[name][step].clone()  # a step may change it in place
        optimizer.step()
        if step + 1 in checkpoints:
            kept.append(canonical_values(parameters))
    return kept, _single(rates)


def canonical_values(parameters: Mapping[str, nn.Parameter]) -> dict[str, np.ndarray]:
    """Return copies of the values, in canonical form."""
    return {
        name: from_canonical(name, parameter.detach().cpu().numpy()).copy() for name, parameter in parameters.items()
    }


def learning_rates(optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    """Return the rate of each of `steps` steps, which find no gradient and move nothing."""
    rates = record_rates(optimizer)
    for _ in range(steps):
        optimizer.step()
    return _single(rates)


def record_rates(optimizer: torch.optim.Optimizer) -> list[set[float]]:
    """Return a list that gets, at every step, the learning rates of all groups, after the hooks that set them."""
    rates: list[set[float]] = []

    def record(optimizer: torch.optim.Optimizer, *_: object) -> None:
        rates.append({float(group["lr"]) for group in optimizer.param_groups})

    optimizer.register_step_pre_hook(record)
    return rates


def _single(rates: Sequence[set[float]]) -> list[float]:
    """Return the rates as a sequence; empty where a step has not exactly one."""
    return [next(iter(rate)) for rate in rates] if all(len(rate) == 1 for rate in rates) else []
