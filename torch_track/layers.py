"""Layers that PyTorch lacks, or whose definition must be Keras' for the two tracks to be one model; activations."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.activations import LEAKY_SLOPE, PRELU_ALPHA, Activation


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose running variance averages the biased batch variance, as in Keras.

    nn.BatchNorm2d normalises with the biased variance but averages the unbiased one, n/(n-1) times
    as large (n = batch * height * width). Same parameters, buffers and inference as nn.BatchNorm2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (batch, channels, height, width)."""
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1]
        unbiased = torch.zeros_like(self.running_var)  # becomes momentum * unbiased batch variance
        y = functional.batch_norm(x, self.running_mean, unbiased, self.weight, self.bias, True, self.momentum, self.eps)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_var.mul_(1 - self.momentum).add_(unbiased, alpha=(count - 1) / count)
        return y


class GlobalAveragePooling2d(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """Map x (batch, channels, height, width) to (batch, channels)."""
        return x.mean(dim=(2, 3))


class SwiGLU(nn.Module):
    """a * silu(b), a the first half of the last axis and b, the gate, the second (Shazeer 2020).

    silu(b) = b * sigmoid(b). Without weights: the dense layer in front makes both halves.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., 2 * units) to (..., units)."""
        a, b = x.chunk(2, dim=-1)
        return a * functional.silu(b)


ACTIVATIONS: Mapping[Activation, Callable[..., nn.Module]] = MappingProxyType(
    {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "leaky_relu": partial(nn.LeakyReLU, negative_slope=LEAKY_SLOPE),
        "prelu": partial(nn.PReLU, init=PRELU_ALPHA),
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softmax": partial(nn.Softmax, dim=-1),
        "gelu": partial(nn.GELU, approximate="none"),
        "gelu_tanh": partial(nn.GELU, approximate="tanh"),
        "swiglu": SwiGLU,
    }
)


def activation(kind: Activation, num_units: int) -> nn.Module:
    """Return the activation `kind` for (batch, num_units): PReLU has one alpha per unit."""
    return ACTIVATIONS[kind](num_parameters=num_units) if kind == "prelu" else ACTIVATIONS[kind]()
