"""Shared laws of initial weights as torch.nn.init fills tensors by them."""

from math import sqrt

import torch
from torch import Tensor, nn

from twotrack.shared.spec.initialisers import TRUNCATED, Blocks, Filled, Initialiser, OrthogonalStart, Scaled, Spread


@torch.no_grad()
def fill(spec: Initialiser, weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight (outputs, inputs, ...) of torch's, as nn.Linear and nn.Conv2d have it, and return it."""
    match spec:
        case Filled(value):
            return nn.init.constant_(weight, value)
        case Scaled():
            return _fill(weight, spec.deviation(fans(weight)), spec.distribution, generator)
        case OrthogonalStart(gain, blocks):
            for part in weight.chunk(blocks):
                nn.init.orthogonal_(part, gain, generator)
            return weight
        case Blocks(values):
            for part, value in zip(weight.chunk(len(values)), values, strict=True):
                nn.init.constant_(part, value)
            return weight
        case Spread(deviation, distribution):
            return _fill(weight, deviation, distribution, generator)
    raise TypeError(f"no law for {type(spec).__name__}")


def fans(weight: Tensor) -> tuple[float, float]:
    """Return fan in and fan out of a weight (outputs, inputs, ...); of one axis both are its size."""
    if weight.ndim < 2:
        return float(weight.numel()), float(weight.numel())
    field = weight[0, 0].numel()
    return float(field * weight.shape[1]), float(field * weight.shape[0])


def _fill(weight: Tensor, deviation: float, distribution: str, generator: torch.Generator | None) -> Tensor:
    if distribution == "uniform":
        limit = sqrt(3) * deviation
        return nn.init.uniform_(weight, -limit, limit, generator)
    if distribution == "normal":
        return nn.init.normal_(weight, 0.0, deviation, generator)
    own = deviation / TRUNCATED  # of the distribution before it is cut off at two of them
    return nn.init.trunc_normal_(weight, 0.0, own, -2 * own, 2 * own, generator)
