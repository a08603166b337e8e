"""Layers of sequences as Keras has them by default."""

import inspect
from typing import Any

import numpy as np
from keras import layers, ops

from twotrack.keras_track.defaults.common import gradient_of, to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


def _loaded(layer: layers.RNN, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> layers.RNN:
    """Give a layer weights (inputs, gates * units), (units, gates * units) and (gates * units,).

    A GRU may have both its biases given, (2, gates * units).
    """
    layer.build((None, None, len(kernel)))
    if isinstance(layer, layers.GRU) and bias.ndim == 1:
        bias = np.stack([bias, 0 * bias])
    layer.set_weights([kernel, recurrent, bias])
    return layer


def _outputs(layer: layers.RNN, **options: Any) -> np.ndarray:
    state = ops.convert_to_tensor(samples.STATE)
    start = [state, state] if isinstance(layer, layers.LSTM) else state
    return to_numpy(layer(ops.convert_to_tensor(samples.SEQUENCE), initial_state=start, **options))


def _unit(layer: layers.RNN, bias: np.ndarray, recurrent: np.ndarray | None = None) -> layers.RNN:
    """Give a layer of one unit for one input these weights, kernels zero."""
    zero = np.zeros((1, bias.shape[-1]), np.float32)
    return _loaded(layer, zero, zero if recurrent is None else recurrent, bias)


@DEFAULTS.measures
def attention_mask() -> Measured:
    """MultiHeadAttention with identities for kernels."""
    layer, x = layers.MultiHeadAttention(1, 4, use_bias=False), samples.normal(1, 4, 4)
    layer.build(x.shape, x.shape)
    identity = np.eye(4, dtype=np.float32)
    layer.set_weights([identity[:, None]] * 3 + [identity[None]])

    def attend(x: np.ndarray) -> np.ndarray:
        mask = ops.convert_to_tensor(samples.MASK[:, None])
        return to_numpy(layer(ops.convert_to_tensor(x), ops.convert_to_tensor(x), attention_mask=mask))

    other = x.copy()
    other[0, 0] += 1
    attends = not np.allclose(attend(x)[0, 3], attend(other)[0, 3])
    return Measured({"a place with True is attended to": attends}, attend(x))


@DEFAULTS.measures
def second_recurrent_bias() -> Measured:
    """Trained numbers of LSTM, 3 inputs and 7 units."""
    layer = layers.LSTM(7)
    layer.build((None, None, 3))
    return Measured({"parameters of an LSTM, 3 to 7": layer.count_params()}, layer.count_params())


@DEFAULTS.measures
def lstm_gates() -> Measured:
    """Order of the gates of LSTM, each shut in turn; outputs."""
    names = ""
    for gate in range(4):
        unit = _unit(layers.LSTM(1, return_state=True), samples.one_gate(4, gate, -50, 3))
        _, output, state = unit(ops.zeros((1, 1, 1)))
        names += samples.lstm_gate(to_numpy(output).item(), to_numpy(state).item())
    layer = _loaded(layers.LSTM(7, return_sequences=True), *samples.recurrent_weights(4))
    return Measured({"gates in order": " ".join(names)}, _outputs(layer))


@DEFAULTS.measures
def gru_gates() -> Measured:
    """Order of the gates of GRU, each opened in turn; outputs."""
    names = [samples.gru_gate(_step(_unit(layers.GRU(1), samples.one_gate(3, gate, 50, 0)))) for gate in range(3)]
    layer = _loaded(layers.GRU(7, return_sequences=True), *samples.recurrent_weights(3))
    return Measured({"gates in order": " ".join(names)}, _outputs(layer))


def _step(layer: layers.GRU) -> float:
    return to_numpy(layer(ops.zeros((1, 1, 1)), initial_state=ops.full((1, 1), 0.5))).item()


@DEFAULTS.measures
def gru_reset() -> Measured:
    """Where the reset gate of GRU acts: tanh(r (2 h + 1)) or tanh(2 (r h) + 1), with r = h = 0.5."""
    bias = np.array([[-50, 0, 0], [0, 0, 1]], np.float32)
    layer = _unit(layers.GRU(1), bias, np.array([[0, 0, 2]], np.float32))
    return Measured({"reset after the product": bool(abs(_step(layer) - np.tanh(1.0)) < 1e-5)})


@DEFAULTS.measures
def recurrent_dropout() -> Measured:
    """LSTM with dropout=0.5, in training mode."""
    layer = layers.LSTM(7, return_sequences=True, dropout=0.5, seed=0)
    trained, evaluated = _outputs(layer, training=True), _outputs(layer, training=False)
    return Measured({"acts in a single layer": not np.array_equal(trained, evaluated)})


@DEFAULTS.measures
def recurrent_activations() -> Measured:
    """LSTM as it is, and with others."""
    layer, other = layers.LSTM(1), layers.LSTM(1, activation="relu", recurrent_activation="hard_sigmoid")
    own, stated = ((one.activation.__name__, one.recurrent_activation.__name__) for one in (layer, other))
    return Measured({"new values": own[0], "gates": own[1], "others can be stated": stated == ("relu", "hard_sigmoid")})


@DEFAULTS.measures
def masked_steps() -> Measured:
    """GlobalAveragePooling1D and LSTM on a sequence whose last step is hidden, and on another one."""
    one, mask = samples.SEQUENCE[:1, :4], ops.convert_to_tensor(samples.MASK)
    other = np.concatenate([one[:, :3], one[:, 3:] + 1], 1)

    def counts(layer: layers.Layer) -> bool:
        first, second = (to_numpy(layer(ops.convert_to_tensor(value), mask=mask)) for value in (one, other))
        return not np.array_equal(first, second)

    mean, lstm = layers.GlobalAveragePooling1D(), layers.LSTM(2, seed=0)
    return Measured(
        {"a hidden step counts in a mean": counts(mean), "a hidden step changes an LSTM's state": counts(lstm)}
    )


@DEFAULTS.measures
def encoder_block() -> Measured:
    """keras_hub's TransformerEncoder."""
    from twotrack.keras_track.hub import TransformerEncoder

    layer = TransformerEncoder(16, 2)
    return Measured(
        {
            "dropout": layer.dropout,
            "layer-norm epsilon": layer.layer_norm_epsilon,
            "activation": layer.activation.__name__,
            "norm first": layer.normalize_first,
        }
    )


@DEFAULTS.measures
def vit_epsilon() -> Measured:
    """Layer normalisation of keras_hub's ViTBackbone."""
    from twotrack.keras_track.hub import ViTBackbone

    return Measured({"epsilon": inspect.signature(ViTBackbone).parameters["layer_norm_epsilon"].default})


@DEFAULTS.measures
def embedding_padding() -> Measured:
    """Row 0 of Embedding with mask_zero: at the start, and its gradient."""
    layer, ids = layers.Embedding(4, 2, mask_zero=True), ops.convert_to_tensor(np.array([[0, 1]]))
    layer.build()
    gradient = gradient_of(lambda table: layer.stateless_call([table], [], ids)[0], to_numpy(layer.embeddings))[0]
    zero = not to_numpy(layer.embeddings)[0].any()
    return Measured({"row 0 starts at zero": zero, "row 0 is trained": bool(gradient.any())}, gradient)


@DEFAULTS.measures
def batch_first() -> Measured:
    """The last state of an LSTM of 2 sequences with 5 steps."""
    return Measured({"the batch comes first": len(layers.LSTM(3)(ops.zeros((2, 5, 4)))) == 2})
