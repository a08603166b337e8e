"""Models in PyTorch that exercises ask to be written in Keras, in the order of the chapters.

They are small, and each has something that Keras does not do by default. `twotrack exercise` judges by them.
"""

from collections import OrderedDict
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def neuron() -> nn.Module:
    """One neuron. Input (batch, features 2), output logits (batch, 1)."""
    return nn.Sequential(OrderedDict(neuron=nn.Linear(2, 1)))


class Temperature(nn.Module):
    """Logits divided by a temperature of 2. Input (batch, 4), output logits (batch, classes 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map features to logits."""
        return self.logits(x) / 2


def eight_sigmoids() -> nn.Module:
    """One hidden layer of eight sigmoids. Input (batch, features 2), output logits (batch, 1)."""
    return nn.Sequential(OrderedDict(hidden=nn.Linear(2, 8), activation=nn.Sigmoid(), logits=nn.Linear(8, 1)))


class ResidualLayer(nn.Module):
    """Two hidden layers, the second with a residual connection. Input (batch, 40), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1, self.hidden2, self.logits = nn.Linear(40, 16), nn.Linear(16, 16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features to logits."""
        x = self.hidden1(x).relu()
        return self.logits(x + self.hidden2(x).relu())


class GatedLayer(nn.Module):
    """A hidden layer with a gate, SwiGLU. Input (batch, 40), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate, self.logits = nn.Linear(40, 16), nn.Linear(40, 16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features to logits."""
        return self.logits(self.value(x) * nn.functional.silu(self.gate(x)))


def hidden_relu() -> nn.Module:
    """One hidden layer with ReLU. Input (batch, 40), output logits (batch, 1)."""
    return nn.Sequential(OrderedDict(hidden=nn.Linear(40, 16), relu=nn.ReLU(), logits=nn.Linear(16, 1)))


def nesterov(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Gradient descent that looks ahead, after Nesterov."""
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True)


def normalised_by_batch() -> nn.Module:
    """Batch normalisation as it comes, ELU and dropout. Input (batch, 40), output logits (batch, 1)."""
    hidden, logits = nn.Linear(40, 16), nn.Linear(16, 1)
    return nn.Sequential(
        OrderedDict(hidden=hidden, norm=nn.BatchNorm1d(16), elu=nn.ELU(), dropout=nn.Dropout(0.5), logits=logits)
    )


class PaddedConvolution(nn.Module):
    """A convolution with two zeros on every side. Input (batch, 2, 10, 10), output logits (batch, classes 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.logits = nn.Conv2d(2, 4, 5, stride=2, padding=2), nn.Linear(4, 3)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.pool(self.conv(x).relu())  # (batch, 4, 2, 2)
        return self.logits(x.mean(dim=(2, 3)))


class NormalisedConvolution(nn.Module):
    """A convolution with batch normalisation as it comes. Input (batch, 1, 28, 28), output logits (batch, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.logits = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.norm(self.conv(x)).relu()  # (batch, 8, 28, 28)
        return self.logits(x.mean(dim=(2, 3)))


class NoFuture(nn.Module):
    """Attention to places up to one's own, and a sum. Input (batch, 8, 16), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.logits = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map places to logits."""
        future = torch.ones(8, 8, dtype=torch.bool, device=x.device).triu(1)
        x = x + self.attention(x, x, x, attn_mask=future)[0]
        return self.logits(x.mean(dim=1))


class TwoRecurrentLayers(nn.Module):
    """Two recurrent layers. Input (batch, months 12, features 5), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn1, self.rnn2 = nn.RNN(5, 16, batch_first=True), nn.RNN(16, 8, batch_first=True)
        for layer in (self.rnn1, self.rnn2):
            nn.init.zeros_(layer.get_parameter("bias_hh_l0")).requires_grad_(False)
        self.logits = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map months to logits."""
        states, _ = self.rnn2(self.rnn1(x)[0])
        return self.logits(states[:, -1])


class GatedRecurrence(nn.Module):
    """A GRU, which has two gates and both its biases. Input (batch, 12, features 5), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.logits = nn.GRU(5, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map months to logits."""
        return self.logits(self.gru(x)[0][:, -1])


class FeedForward(nn.Module):
    """The feed-forward part of a block, normalised behind it. Input (batch, 12, 16), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(16, 32), nn.Linear(32, 16)
        self.norm, self.logits = nn.LayerNorm(16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors of months to logits."""
        x = self.norm(x + self.narrow(nn.functional.gelu(self.wide(x))))
        return self.logits(x.mean(dim=1))


class Pooler(nn.Module):
    """BERT's pooler: the first token's state, a layer with tanh. Input tokens (batch, 16), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.pooler, self.head = nn.Embedding(100, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map token ids to logits."""
        return self.head(self.pooler(self.base(tokens)[:, 0]).tanh())


class DepthwiseConvolution(nn.Module):
    """A convolution for each channel, then one over channels. Input (batch, 3, 16, 16), output logits (batch, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
        self.pointwise, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.pointwise(self.depthwise(x)).relu()  # (batch, 8, 16, 16)
        return self.head(x.mean(dim=(2, 3)))


class StandardisedInside(nn.Module):
    """Months and charge, standardised by the model itself. Input (batch, 2), output logits (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map months and charge to logits."""
        mean, deviation = x.new_tensor([32.0, 65.0]), x.new_tensor([24.0, 30.0])
        return self.logits((x - mean) / deviation)
