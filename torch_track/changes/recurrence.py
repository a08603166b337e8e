"""Recurrent layers of torch's that drop as Keras' do: of what steps are given and of the state, by one mask for all."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from twotrack.torch_track.changes.steps import State

KERAS_GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}
"""Torch's gates in the order in which Keras draws their masks."""
Masks = Sequence[Tensor] | None
"""For each of torch's gates (batch, features)."""


def with_dropout(
    layer: nn.RNNBase, forward: Callable[..., Any], rate: float, recurrent_rate: float
) -> Callable[..., tuple[Tensor, State]]:
    """Return the forward of a layer of one level that drops in training; in inference mode it is the layer's own."""

    def run(x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if not layer.training:
            return forward(x, state)
        x = x if layer.batch_first else x.transpose(0, 1)
        directions = ["", "_reverse"] if layer.bidirectional else [""]
        ran = [_direction(layer, x, _own(state, number), ending, rate, recurrent_rate)
               for number, ending in enumerate(directions)]  # fmt: skip
        outputs = torch.cat([output for output, _ in ran], -1)
        ends = [torch.stack(parts) for parts in zip(*(end for _, end in ran), strict=True)]
        given = outputs if layer.batch_first else outputs.transpose(0, 1)
        return given, (ends[0], ends[1]) if len(ends) > 1 else ends[0]

    return run


def _own(state: State | None, number: int) -> list[Tensor] | None:
    """Return a direction's part of a state (directions, batch, units)."""
    if state is None:
        return None
    return [one[number] for one in (state if isinstance(state, tuple) else (state,))]


def _direction(
    layer: nn.RNNBase, x: Tensor, state: list[Tensor] | None, ending: str, rate: float, recurrent_rate: float
) -> tuple[Tensor, list[Tensor]]:
    """Run one direction (batch, steps, features) from the sequence's beginning or end."""
    order = KERAS_GATES.get(layer.mode, (0,))
    separate = recurrent_rate > 0
    zeros = x.new_zeros(len(x), layer.hidden_size)
    inputs, states = (_masks(like, one, order, separate) for like, one in ((x[:, 0], rate), (zeros, recurrent_rate)))
    kept = state or [zeros] * (2 if layer.mode == "LSTM" else 1)
    steps = range(x.shape[1])
    outputs: dict[int, Tensor] = {}
    for step in reversed(steps) if ending else steps:
        kept = _step(layer, ending, x[:, step], kept, inputs, states)
        outputs[step] = kept[0]
    return torch.stack([outputs[step] for step in steps], 1), kept


def _masks(like: Tensor, rate: float, order: Sequence[int], separate: bool) -> Masks:
    if not rate:
        return None
    drawn = [functional.dropout(torch.ones_like(like), rate) for _ in (order if separate else [0])]
    return [drawn[order.index(gate)] for gate in range(len(order))] if separate else drawn * len(order)


def _step(layer: nn.RNNBase, ending: str, x: Tensor, state: list[Tensor], inputs: Masks, states: Masks) -> list[Tensor]:
    """Return the state after a step."""
    gates = len(KERAS_GATES.get(layer.mode, (0,)))
    given = _products(layer, f"ih_l0{ending}", [x] * gates, inputs)
    kept = _products(layer, f"hh_l0{ending}", [state[0]] * gates, states)
    if layer.mode == "LSTM":
        i, f, g, o = (one + other for one, other in zip(given, kept, strict=True))
        cell = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return [torch.sigmoid(o) * torch.tanh(cell), cell]
    if layer.mode == "GRU":
        reset, update = (torch.sigmoid(given[number] + kept[number]) for number in (0, 1))
        new = torch.tanh(given[2] + reset * kept[2])
        return [update * state[0] + (1 - update) * new]
    activation = torch.tanh if layer.mode == "RNN_TANH" else torch.relu
    return [activation(given[0] + kept[0])]


def _products(layer: nn.RNNBase, name: str, values: Sequence[Tensor], masks: Masks) -> list[Tensor]:
    """Return what each gate makes of a value, of which its mask drops some."""
    kernels = getattr(layer, f"weight_{name}").chunk(len(values))
    biases = getattr(layer, f"bias_{name}").chunk(len(values)) if layer.bias else [None] * len(values)
    dropped = values if masks is None else [value * mask for value, mask in zip(values, masks, strict=True)]
    return [functional.linear(*one) for one in zip(dropped, kernels, biases, strict=True)]
