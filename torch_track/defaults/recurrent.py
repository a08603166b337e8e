"""Recurrent layers as PyTorch has them by default."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.bridge.layouts import GRU_GATES
from twotrack.shared.differences import samples
from twotrack.shared.differences.measured import Measured
from twotrack.torch_track import layers


def _loaded(layer: nn.RNNBase, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> nn.RNNBase:
    """Give a layer of one bias the weights (inputs, gates * units), (units, gates * units) and (gates * units,)."""
    for name, array in (("weight_ih", kernel.T), ("weight_hh", recurrent.T), ("bias_ih", bias), ("bias_hh", 0 * bias)):
        getattr(layer, f"{name}_l0").data = torch.from_numpy(np.ascontiguousarray(array))
    return layer


def _outputs(layer: nn.RNNBase) -> np.ndarray:
    state = torch.from_numpy(samples.STATE)[None]
    start = (state, state) if isinstance(layer, nn.LSTM) else state
    return layer(torch.from_numpy(samples.SEQUENCE), start)[0].detach().numpy()


def _unit(layer: type[nn.RNNBase], bias: np.ndarray, recurrent: np.ndarray | None = None) -> nn.RNNBase:
    """Return a layer of one unit for one input, kernels zero."""
    zero = np.zeros((1, len(bias)), np.float32)
    return _loaded(layer(1, 1, batch_first=True), zero, zero if recurrent is None else recurrent, bias)


def second_recurrent_bias() -> Measured:
    """Trained numbers of nn.LSTM, 3 inputs and 7 units."""
    counts = [
        sum(one.numel() for one in layer.parameters() if one.requires_grad)
        for layer in (nn.LSTM(3, 7), layers.LSTM(3, 7))
    ]
    return Measured({"parameters of an LSTM, 3 to 7": counts[0]}, *counts)


def lstm_gates() -> Measured:
    """Order of the gates of nn.LSTM, each shut in turn; outputs with one bias."""
    names = ""
    for gate in range(4):
        unit = _unit(nn.LSTM, samples.one_gate(4, gate, -50, 3))
        output, (_, state) = unit(torch.zeros(1, 1, 1))
        names += samples.lstm_gate(output.item(), state.item())
    layer = _loaded(nn.LSTM(3, 7, batch_first=True), *samples.recurrent_weights(4))
    return Measured({"gates in order": " ".join(names)}, _outputs(layer))


def gru_gates() -> Measured:
    """Order of the gates of nn.GRU, each opened in turn; outputs, Keras' weights; aligned: in the bridge's order."""
    names = [
        samples.gru_gate(_step(_unit(nn.GRU, samples.one_gate(3, gate, 50, 0)), torch.full((1, 1, 1), 0.5)))
        for gate in range(3)
    ]
    weights = samples.recurrent_weights(3)
    as_they_are = _loaded(nn.GRU(3, 7, batch_first=True), *weights)
    ordered = _loaded(nn.GRU(3, 7, batch_first=True), *(GRU_GATES.from_canonical(one) for one in weights))
    return Measured({"gates in order": " ".join(names)}, _outputs(as_they_are), _outputs(ordered))


def _step(layer: nn.GRU, state: Tensor) -> float:
    return layer(torch.zeros(1, 1, 1), state)[0].item()


def gru_reset() -> Measured:
    """Where the reset gate of nn.GRU acts: tanh(r (2 h + 1)) or tanh(2 (r h) + 1), with r = h = 0.5."""
    layer = _unit(nn.GRU, np.array([0, -50, 0], np.float32), np.array([[0, 0, 2]], np.float32))
    layer.bias_hh_l0.data = torch.tensor([0.0, 0.0, 1.0])
    after = abs(_step(layer, torch.full((1, 1, 1), 0.5)) - np.tanh(1.0)) < 1e-5
    return Measured({"reset after the product": bool(after)})


def recurrent_dropout() -> Measured:
    """nn.LSTM of one layer with dropout=0.5, in training mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says itself that this does nothing
        layer = nn.LSTM(3, 7, batch_first=True, dropout=0.5)
    trained, evaluated = _outputs(layer.train()), _outputs(layer.eval())
    return Measured({"acts in a single layer": not np.array_equal(trained, evaluated)})
