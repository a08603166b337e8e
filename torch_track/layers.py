"""Layers that PyTorch lacks, or whose definition must be Keras' for the two tracks to be one model; activations."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from twotrack.shared.spec.activations import LEAKY_SLOPE, PRELU_ALPHA, Activation
from twotrack.shared.spec.positions import sinusoids
from twotrack.shared.weights.initial import CONSTANTS
from twotrack.torch_track.batch_statistics import values_of_channel


class BiasedVariance(_BatchNorm):
    """Batch normalisation whose running variance averages the biased batch variance, as in Keras.

    torch normalises with the biased variance but averages the unbiased one, n/(n-1) times as large (n values of a
    channel in the batch). Same parameters, buffers and inference as torch's own.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (batch, channels, ...)."""
        variance, batches, momentum = self.running_var, self.num_batches_tracked, self.momentum
        if not self.training or variance is None or batches is None:
            return super().forward(x)
        if momentum is None:
            raise ValueError("momentum: expected a number, found None; Keras has no cumulative average.")
        count = values_of_channel(x)
        unbiased = torch.zeros_like(variance)  # becomes momentum * unbiased batch variance
        y = functional.batch_norm(x, self.running_mean, unbiased, self.weight, self.bias, True, momentum, self.eps)
        with torch.no_grad():
            batches.add_(1)
            variance.mul_(1 - momentum).add_(unbiased, alpha=(count - 1) / count)
        return y


class BatchNorm1d(BiasedVariance, nn.BatchNorm1d):
    """nn.BatchNorm1d with the running variance of Keras."""


class BatchNorm2d(BiasedVariance, nn.BatchNorm2d):
    """nn.BatchNorm2d with the running variance of Keras; n is batch * height * width."""


class GlobalAveragePooling2d(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """Map x (batch, channels, height, width) to (batch, channels)."""
        return x.mean(dim=(2, 3))


class LayerScale(nn.Module):
    """Multiplies each channel by a weight that begins near 0 (Touvron et al. 2021, CaiT)."""

    def __init__(self, channels: int):
        super().__init__()
        self.layer_scale = nn.Parameter(torch.full((channels,), CONSTANTS["layer_scale"]))

    def forward(self, x: Tensor) -> Tensor:
        """Scale x (..., channels)."""
        return self.layer_scale * x


class LSTM(nn.LSTM):
    """One layer of nn.LSTM (batch, time, features) whose second bias is zero and stays so, as Keras has one only."""

    def __init__(self, num_inputs: int, hidden_size: int):
        super().__init__(num_inputs, hidden_size, batch_first=True)
        _hold_second_bias(self)


class RNN(nn.RNN):
    """One layer of nn.RNN (batch, time, features), tanh, whose second bias is zero and stays so."""

    def __init__(self, num_inputs: int, hidden_size: int):
        super().__init__(num_inputs, hidden_size, nonlinearity="tanh", batch_first=True)
        _hold_second_bias(self)


def _hold_second_bias(layer: nn.RNNBase) -> None:
    bias = layer.get_parameter("bias_hh_l0")
    nn.init.zeros_(bias)
    bias.requires_grad_(False)


def last_real(x: Tensor, mask: Tensor) -> Tensor:
    """Return from x (batch, time, size) the last step (batch, size) that mask (batch, time), a prefix, keeps."""
    return x[torch.arange(x.shape[0], device=x.device), mask.sum(dim=1) - 1]  # len(x) would fix the batch of an export


class Positions(nn.Module):
    """Adds to each place of a sequence a vector of its own: learned, or sinusoids of the place."""

    def __init__(self, kind: Literal["learned", "sinusoidal"], length: int, size: int):
        super().__init__()
        if kind == "learned":
            self.embeddings = nn.Parameter(torch.zeros(length, size))
        else:
            self.register_buffer("embeddings", torch.from_numpy(sinusoids(length, size)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x (batch, length, size) plus the vectors."""
        return x + self.embeddings.to(x.dtype)


class MaskedMean(nn.Module):
    """Mean over the places of a sequence that a mask keeps."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map x (batch, length, size) and mask (batch, length) to (batch, size)."""
        weight = mask.to(x.dtype).unsqueeze(-1)
        return (x * weight).sum(dim=1) / weight.sum(dim=1)


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


def head(size: int, num_outputs: int, dropout: float) -> nn.Sequential:
    """Return the part `head` of a model that transfers: features (batch, size) to logits (batch, num_outputs)."""
    network = nn.Sequential()
    if dropout:
        network.add_module("dropout", nn.Dropout(dropout))
    network.add_module("logits", nn.Linear(size, num_outputs))
    return network
