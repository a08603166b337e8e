"""The torch side of each case."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Layers(nn.Module):
    """Named layers, one after the other; recurrent layers pass their sequence on."""

    def __init__(self, **layers: nn.Module):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
            x = x[0] if isinstance(layer, nn.RNNBase) else x
        return x


class ChannelsFirst(Layers):
    """The same, on inputs with channels first."""


class StepByStep(nn.Module):
    """An LSTM cell over (batch, time, features)."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTMCell(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        state, outputs = None, []
        for step in x.unbind(1):
            state = self.lstm(step, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1)


class SelfAttention(nn.Module):
    def __init__(self, bias: bool):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, bias=bias, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.attention(query, key, value, need_weights=False)[0]


class Tied(nn.Module):
    """Logits from the embedding's own weights."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(8, 3)
        self.logits = nn.Linear(3, 8, bias=False)
        self.logits.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits(self.embedding(tokens))


class Scale(nn.Module):
    """A layer that no rule covers, with a scalar, a buffer and a constant that is no weight."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))
        self.matrix = nn.Parameter(torch.ones(5, 3))
        self.register_buffer("offset", torch.zeros(3))
        self.register_buffer("constant", torch.full((3,), 2.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * (x @ self.matrix) + self.constant * self.offset


def encoder_block() -> nn.Module:
    block = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
    return Layers(block=block)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: Layers(dense=nn.Linear(5, 3)),
    "dense_no_bias": lambda: Layers(dense=nn.Linear(5, 3, bias=False)),
    "dense_on_sequence": lambda: Layers(dense=nn.Linear(4, 3)),
    "conv1d": lambda: ChannelsFirst(conv=nn.Conv1d(4, 6, 3)),
    "conv1d_strided": lambda: ChannelsFirst(conv=nn.Conv1d(4, 6, 3, stride=2)),
    "conv1d_dilated": lambda: ChannelsFirst(conv=nn.Conv1d(4, 6, 3, dilation=2)),
    "conv1d_grouped": lambda: ChannelsFirst(conv=nn.Conv1d(4, 6, 3, groups=2)),
    "conv2d": lambda: ChannelsFirst(conv=nn.Conv2d(4, 6, (2, 3))),
    "conv2d_strided": lambda: ChannelsFirst(conv=nn.Conv2d(4, 6, (2, 3), stride=(2, 3))),
    "conv2d_dilated": lambda: ChannelsFirst(conv=nn.Conv2d(4, 6, (2, 3), dilation=(3, 2))),
    "conv2d_grouped": lambda: ChannelsFirst(conv=nn.Conv2d(4, 6, (2, 3), groups=2)),
    "conv2d_no_bias": lambda: ChannelsFirst(conv=nn.Conv2d(4, 6, (2, 3), bias=False)),
    "conv3d": lambda: ChannelsFirst(conv=nn.Conv3d(2, 3, (2, 3, 4))),
    "depthwise1d": lambda: ChannelsFirst(conv=nn.Conv1d(4, 12, 2, groups=4)),
    "depthwise2d": lambda: ChannelsFirst(conv=nn.Conv2d(4, 12, (2, 3), groups=4)),
    "separable1d": lambda: ChannelsFirst(
        depthwise=nn.Conv1d(4, 8, 3, groups=4, bias=False), pointwise=nn.Conv1d(8, 6, 1)
    ),
    "separable2d": lambda: ChannelsFirst(
        depthwise=nn.Conv2d(4, 8, (2, 3), groups=4, bias=False), pointwise=nn.Conv2d(8, 6, 1)
    ),
    "conv1d_transpose": lambda: ChannelsFirst(conv=nn.ConvTranspose1d(4, 6, 3, stride=2)),
    "conv2d_transpose": lambda: ChannelsFirst(conv=nn.ConvTranspose2d(4, 6, (2, 3), stride=2)),
    "conv3d_transpose": lambda: ChannelsFirst(conv=nn.ConvTranspose3d(2, 3, (2, 3, 4), stride=2)),
    "batch_norm_features": lambda: Layers(norm=nn.BatchNorm1d(5, eps=1e-4)),
    "batch_norm_1d": lambda: ChannelsFirst(norm=nn.BatchNorm1d(4, eps=1e-4)),
    "batch_norm_2d": lambda: ChannelsFirst(norm=nn.BatchNorm2d(4, eps=1e-4)),
    "layer_norm": lambda: Layers(norm=nn.LayerNorm(4, eps=1e-4)),
    "group_norm": lambda: ChannelsFirst(norm=nn.GroupNorm(2, 4, eps=1e-4)),
    "rms_norm": lambda: Layers(norm=nn.RMSNorm(4, eps=1e-4)),
    "embedding": lambda: Layers(embedding=nn.Embedding(8, 3)),
    "prelu_shared": lambda: Layers(prelu=nn.PReLU()),
    "prelu_shared_image": lambda: ChannelsFirst(prelu=nn.PReLU()),
    "prelu_per_channel": lambda: ChannelsFirst(prelu=nn.PReLU(4)),
    "prelu_per_channel_1d": lambda: ChannelsFirst(prelu=nn.PReLU(4)),
    "simple_rnn": lambda: Layers(rnn=nn.RNN(4, 3, batch_first=True)),
    "lstm": lambda: Layers(lstm=nn.LSTM(4, 3, batch_first=True)),
    "lstm_no_bias": lambda: Layers(lstm=nn.LSTM(4, 3, bias=False, batch_first=True)),
    "gru": lambda: Layers(gru=nn.GRU(4, 3, batch_first=True)),
    "gru_no_bias": lambda: Layers(gru=nn.GRU(4, 3, bias=False, batch_first=True)),
    "lstm_stacked": lambda: Layers(lstm=nn.LSTM(4, 3, num_layers=2, batch_first=True)),
    "gru_stacked_cells": lambda: Layers(gru=nn.GRU(4, 3, num_layers=2, batch_first=True)),
    "lstm_cell": StepByStep,
    "simple_rnn_bidirectional": lambda: Layers(rnn=nn.RNN(4, 3, bidirectional=True, batch_first=True)),
    "lstm_bidirectional": lambda: Layers(lstm=nn.LSTM(4, 3, bidirectional=True, batch_first=True)),
    "gru_bidirectional": lambda: Layers(gru=nn.GRU(4, 3, bidirectional=True, batch_first=True)),
    "lstm_stacked_bidirectional": lambda: Layers(
        lstm=nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
    ),
    "attention": lambda: SelfAttention(bias=True),
    "attention_no_bias": lambda: SelfAttention(bias=False),
    "cross_attention": CrossAttention,
    "flatten_2d": lambda: ChannelsFirst(flatten=nn.Flatten(), dense=nn.Linear(7 * 9 * 4, 3)),
    "flatten_1d": lambda: ChannelsFirst(flatten=nn.Flatten(), dense=nn.Linear(11 * 4, 3)),
    "flatten_then_norm": lambda: ChannelsFirst(
        flatten=nn.Flatten(), norm=nn.BatchNorm1d(7 * 9 * 4, eps=1e-4), dense=nn.Linear(7 * 9 * 4, 3)
    ),
    "encoder_block": encoder_block,
    "nested": lambda: Layers(
        encoder=Layers(dense=nn.Linear(5, 4), norm=nn.LayerNorm(4, eps=1e-4)), head=nn.Linear(4, 3)
    ),
    "subclassed": lambda: Layers(blocks=Layers(lower=nn.Linear(5, 4), upper=nn.Linear(4, 4)), head=nn.Linear(4, 3)),
    "tied": Tied,
    "own_layer": lambda: Layers(scale=Scale()),
    "time_distributed": lambda: Layers(head=nn.Linear(4, 3)),
}
