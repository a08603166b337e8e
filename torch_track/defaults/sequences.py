"""Layers of sequences as PyTorch has them by default."""

import warnings
from math import sqrt
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.weights.bridge.layouts import GRU_GATES
from twotrack.torch_track.defaults.registry import DEFAULTS, LAYERS
from twotrack.torch_track.layers import LSTM, RNN

Recurrent = TypeVar("Recurrent", bound=nn.RNNBase)


def _loaded(layer: Recurrent, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> Recurrent:
    """Give a layer of one bias the weights (inputs, gates * units), (units, gates * units) and (gates * units,)."""
    for name, array in (("weight_ih", kernel.T), ("weight_hh", recurrent.T), ("bias_ih", bias), ("bias_hh", 0 * bias)):
        layer.get_parameter(f"{name}_l0").data = torch.from_numpy(np.ascontiguousarray(array))
    return layer


def _outputs(layer: nn.RNNBase) -> np.ndarray:
    state = torch.from_numpy(samples.STATE)[None]
    start = (state, state) if isinstance(layer, nn.LSTM) else state
    return layer(torch.from_numpy(samples.SEQUENCE), start)[0].detach().numpy()


def _unit(layer: Recurrent, bias: np.ndarray, recurrent: np.ndarray | None = None) -> Recurrent:
    """Give a layer of one unit for one input the bias, and kernels that are zero."""
    zero = np.zeros((1, len(bias)), np.float32)
    return _loaded(layer, zero, zero if recurrent is None else recurrent, bias)


@DEFAULTS.measures
def attention_mask() -> Measured:
    """nn.MultiheadAttention with identities for kernels, the same mask as it is and inverted."""
    layer, x = nn.MultiheadAttention(4, 1, bias=False, batch_first=True), torch.from_numpy(samples.normal(1, 4, 4))
    layer.in_proj_weight.data, layer.out_proj.weight.data = torch.eye(4).repeat(3, 1), torch.eye(4)

    def attend(x: Tensor, mask: Tensor) -> np.ndarray:
        return layer(x, x, x, key_padding_mask=mask)[0].detach().numpy()

    mask, other = torch.from_numpy(samples.MASK), x.clone()
    other[0, 0] += 1
    attends = not np.allclose(attend(x, mask)[0, 3], attend(other, mask)[0, 3])
    return Measured({"a place with True is attended to": attends}, attend(x, mask), attend(x, ~mask))


@DEFAULTS.measures
def second_recurrent_bias() -> Measured:
    """Trained numbers of nn.LSTM, 3 inputs and 7 units."""
    weights = [layer.parameters() for layer in (nn.LSTM(3, 7), LSTM(3, 7))]
    count, of_aligned = (sum(weight.numel() for weight in layer if weight.requires_grad) for layer in weights)
    return Measured({"parameters of an LSTM, 3 to 7": count}, count, of_aligned)


@LAYERS.switches(second_recurrent_bias)
def switch_second_recurrent_bias(module: nn.Module) -> bool:
    """Train the second bias too, from its own start where the layer has its own."""
    recurrent = [layer for layer in module.modules() if isinstance(layer, LSTM | RNN)]
    for layer in recurrent:
        bias, limit = layer.get_parameter("bias_hh_l0"), 1 / sqrt(layer.hidden_size)
        generator = torch.Generator(bias.device).manual_seed(torch.initial_seed())  # dropout's goes on
        with torch.no_grad():
            bias.uniform_(-limit, limit, generator=generator)
        bias.requires_grad_(True)
    return bool(recurrent)


@DEFAULTS.measures
def lstm_gates() -> Measured:
    """Order of the gates of nn.LSTM, each shut in turn; outputs with one bias."""
    names = ""
    for gate in range(4):
        unit = _unit(nn.LSTM(1, 1, batch_first=True), samples.one_gate(4, gate, -50, 3))
        output, (_, state) = unit(torch.zeros(1, 1, 1))
        names += samples.lstm_gate(output.item(), state.item())
    layer = _loaded(nn.LSTM(3, 7, batch_first=True), *samples.recurrent_weights(4))
    return Measured({"gates in order": " ".join(names)}, _outputs(layer))


@DEFAULTS.measures
def gru_gates() -> Measured:
    """Order of the gates of nn.GRU, each opened in turn; outputs, Keras' weights; aligned: in the bridge's order."""
    units = [_unit(nn.GRU(1, 1, batch_first=True), samples.one_gate(3, gate, 50, 0)) for gate in range(3)]
    names = [samples.gru_gate(_step(unit, torch.full((1, 1, 1), 0.5))) for unit in units]
    weights = samples.recurrent_weights(3)
    as_they_are = _loaded(nn.GRU(3, 7, batch_first=True), *weights)
    ordered = _loaded(nn.GRU(3, 7, batch_first=True), *(GRU_GATES.from_canonical(array) for array in weights))
    return Measured({"gates in order": " ".join(names)}, _outputs(as_they_are), _outputs(ordered))


def _step(layer: nn.GRU, state: Tensor) -> float:
    return layer(torch.zeros(1, 1, 1), state)[0].item()


@DEFAULTS.measures
def gru_reset() -> Measured:
    """Where the reset gate of nn.GRU acts: tanh(r (2 h + 1)) or tanh(2 (r h) + 1), with r = h = 0.5."""
    bias, recurrent = np.array([0, -50, 0], np.float32), np.array([[0, 0, 2]], np.float32)
    layer = _unit(nn.GRU(1, 1, batch_first=True), bias, recurrent)
    layer.get_parameter("bias_hh_l0").data = torch.tensor([0.0, 0.0, 1.0])
    after = abs(_step(layer, torch.full((1, 1, 1), 0.5)) - np.tanh(1.0)) < 1e-5
    return Measured({"reset after the product": bool(after)})


@DEFAULTS.measures
def recurrent_dropout() -> Measured:
    """nn.LSTM of one layer with dropout=0.5, in training mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says itself that this does nothing
        layer = nn.LSTM(3, 7, batch_first=True, dropout=0.5)
    trained, evaluated = _outputs(layer.train()), _outputs(layer.eval())
    return Measured({"acts in a single layer": not np.array_equal(trained, evaluated)})


@DEFAULTS.measures
def recurrent_activations() -> Measured:
    """nn.LSTM takes none."""
    try:
        nn.LSTM(1, 1, activation="relu")
    except TypeError:
        return Measured({"others can be stated": False})
    return Measured({"others can be stated": True})


@DEFAULTS.measures
def masked_steps() -> Measured:
    """nn.AdaptiveAvgPool1d takes no mask, and so counts the last of four steps."""
    one = torch.from_numpy(samples.SEQUENCE[:1, :4]).transpose(1, 2)
    pooled = [nn.AdaptiveAvgPool1d(1)(value) for value in (one, torch.cat([one[..., :3], one[..., 3:] + 1], -1))]
    return Measured({"a hidden step counts in a mean": not torch.equal(*pooled)})


@DEFAULTS.measures
def encoder_block() -> Measured:
    """nn.TransformerEncoderLayer."""
    layer = nn.TransformerEncoderLayer(8, 2)
    return Measured(
        {
            "dropout": layer.dropout.p,
            "layer-norm epsilon": layer.norm1.eps,
            "activation": layer.activation.__name__,
            "norm first": layer.norm_first,
        }
    )


@DEFAULTS.measures
def vit_epsilon() -> Measured:
    """Layer normalisation of transformers' ViT."""
    from transformers import ViTConfig

    return Measured({"epsilon": ViTConfig().layer_norm_eps})


@DEFAULTS.measures
def embedding_padding() -> Measured:
    """Row 0 of nn.Embedding with padding_idx: at the start, and its gradient."""
    gradient, of_aligned = (_gradient_of_row_0(nn.Embedding(4, 2, padding_idx=padding)) for padding in (0, None))
    zero = not nn.Embedding(4, 2, padding_idx=0).weight[0].any()
    return Measured({"row 0 starts at zero": zero, "row 0 is trained": bool(gradient.any())}, gradient, of_aligned)


def _gradient_of_row_0(layer: nn.Embedding) -> np.ndarray:
    (gradient,) = torch.autograd.grad(layer(torch.tensor([[0, 1]])).sum(), layer.weight)
    return gradient[0].numpy()


@DEFAULTS.measures
def batch_first() -> Measured:
    """The last state of nn.LSTM of 2 sequences with 5 steps, (layers, batch, units)."""
    _, (state, _) = nn.LSTM(4, 3)(torch.zeros(2, 5, 4))
    return Measured({"the batch comes first": state.shape[1] == 2})
