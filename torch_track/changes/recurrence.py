"""Recurrent layers of torch's that compute as Keras' do, step by step.

They drop of what steps are given and of the state, by one mask for all; reset the state of a GRU in front of its
product; or have other activations.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from twotrack.torch_track.changes.steps import State

Step = Callable[[Tensor, list[Tensor]], list[Tensor]]
"""Makes the state after a step of what the step is given (batch, features) and the state before it."""
Activation = Callable[[Tensor], Tensor]
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
        return _unrolled(layer, x, state, partial(_dropping, layer, rate, recurrent_rate))

    return run


def with_reset_in_front(layer: nn.GRU) -> Callable[..., tuple[Tensor, State]]:
    """Return the forward of a GRU whose reset gate acts on the state in front of the product with its kernel."""

    def resetting(ending: str, *_: Tensor) -> Step:
        return partial(reset_in_front, layer, ending)

    return lambda x, state=None: _unrolled(layer, x, state, resetting)


def with_activations(
    layer: nn.RNNBase, activation: Activation, gate: Activation
) -> Callable[..., tuple[Tensor, State]]:
    """Return the forward of a layer with another activation of new values (and of an LSTM's cell), and of gates."""

    def stepping(ending: str, *_: Tensor) -> Step:
        return lambda x, state: _step(layer, ending, x, state, None, None, (activation, gate))

    return lambda x, state=None: _unrolled(layer, x, state, stepping)


def reset_in_front(layer: nn.GRU | nn.GRUCell, ending: str, x: Tensor, state: list[Tensor]) -> list[Tensor]:
    """Return the state after a step of a GRU: n = tanh(W x + U (r * h) + b).

    As https://keras.io/api/layers/recurrent_layers/gru/ with reset_after=False.
    """
    given = _products(layer, f"ih{ending}", [x] * 3, None)
    kept = _products(layer, f"hh{ending}", [state[0]] * 3, None)
    reset, update = (torch.sigmoid(given[number] + kept[number]) for number in (0, 1))
    new = torch.tanh(given[2] + _products(layer, f"hh{ending}", [reset * state[0]] * 3, None)[2])
    return [update * state[0] + (1 - update) * new]


def _unrolled(
    layer: nn.RNNBase, x: Tensor, state: State | None, stepping: Callable[[str, Tensor, Tensor], Step]
) -> tuple[Tensor, State]:
    """Run all levels and directions step by step.

    `stepping` gets the ending of the weights' names, what the first step is given, and a state of zeros.
    """
    x = x if layer.batch_first else x.transpose(0, 1)
    directions = ["", "_reverse"] if layer.bidirectional else [""]
    ended: list[list[Tensor]] = []
    for level in range(layer.num_layers):
        endings = [f"_l{level}{direction}" for direction in directions]
        ran = [_direction(layer, x, _own(state, len(ended) + number), ending, stepping)
               for number, ending in enumerate(endings)]  # fmt: skip
        x = torch.cat([outputs for outputs, _ in ran], -1)
        ended += [end for _, end in ran]
        if level < layer.num_layers - 1:
            x = functional.dropout(x, layer.dropout, layer.training)
    ends = [torch.stack(parts) for parts in zip(*ended, strict=True)]
    return x if layer.batch_first else x.transpose(0, 1), (ends[0], ends[1]) if len(ends) > 1 else ends[0]


def _own(state: State | None, number: int) -> list[Tensor] | None:
    """Return a direction's part of a state (directions, batch, units)."""
    if state is None:
        return None
    return [one[number] for one in (state if isinstance(state, tuple) else (state,))]


def _direction(
    layer: nn.RNNBase,
    x: Tensor,
    state: list[Tensor] | None,
    ending: str,
    stepping: Callable[[str, Tensor, Tensor], Step],
) -> tuple[Tensor, list[Tensor]]:
    """Run one direction of a level (batch, steps, features) from the sequence's beginning or end."""
    zeros = x.new_zeros(len(x), layer.hidden_size)
    step_on = stepping(ending, x[:, 0], zeros)
    kept = state or [zeros] * (2 if layer.mode == "LSTM" else 1)
    steps = range(x.shape[1])
    outputs: dict[int, Tensor] = {}
    for step in reversed(steps) if ending.endswith("_reverse") else steps:
        kept = step_on(x[:, step], kept)
        outputs[step] = kept[0]
    return torch.stack([outputs[step] for step in steps], 1), kept


def _dropping(layer: nn.RNNBase, rate: float, recurrent_rate: float, ending: str, first: Tensor, zeros: Tensor) -> Step:
    """Return the step of a layer that drops, with masks drawn for the whole sequence."""
    order = KERAS_GATES.get(layer.mode, (0,))
    separate = recurrent_rate > 0
    inputs, states = (_masks(like, one, order, separate) for like, one in ((first, rate), (zeros, recurrent_rate)))
    return lambda x, state: _step(layer, ending, x, state, inputs, states)


def _masks(like: Tensor, rate: float, order: Sequence[int], separate: bool) -> Masks:
    if not rate:
        return None
    drawn = [functional.dropout(torch.ones_like(like), rate) for _ in (order if separate else [0])]
    return [drawn[order.index(gate)] for gate in range(len(order))] if separate else drawn * len(order)


def _step(
    layer: nn.RNNBase,
    ending: str,
    x: Tensor,
    state: list[Tensor],
    inputs: Masks,
    states: Masks,
    activations: tuple[Activation, Activation] | None = None,
) -> list[Tensor]:
    """Return the state after a step, with the activations of the new values and of the gates; None for torch's own."""
    plain = torch.relu if layer.mode == "RNN_RELU" else torch.tanh
    activation, gate = activations or (plain, torch.sigmoid)
    gates = len(KERAS_GATES.get(layer.mode, (0,)))
    given = _products(layer, f"ih{ending}", [x] * gates, inputs)
    kept = _products(layer, f"hh{ending}", [state[0]] * gates, states)
    if layer.mode == "LSTM":
        i, f, g, o = (one + other for one, other in zip(given, kept, strict=True))
        cell = gate(f) * state[1] + gate(i) * activation(g)
        return [gate(o) * activation(cell), cell]
    if layer.mode == "GRU":
        reset, update = (gate(given[number] + kept[number]) for number in (0, 1))
        new = activation(given[2] + reset * kept[2])
        return [update * state[0] + (1 - update) * new]
    return [activation(given[0] + kept[0])]


def _products(layer: nn.RNNBase | nn.GRUCell, name: str, values: Sequence[Tensor], masks: Masks) -> list[Tensor]:
    """Return what each gate makes of a value, of which its mask drops some."""
    kernels = getattr(layer, f"weight_{name}").chunk(len(values))
    biases = getattr(layer, f"bias_{name}").chunk(len(values)) if layer.bias else [None] * len(values)
    dropped = values if masks is None else [value * mask for value, mask in zip(values, masks, strict=True)]
    return [functional.linear(*one) for one in zip(dropped, kernels, biases, strict=True)]
