"""Initial weights that Keras draws by default, after seed 0; aligned: drawn in shared code and loaded."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from twotrack.keras_track import weights
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.weights import initial


def _model(layer: layers.Layer, *shape: int, dtype: str = "float32") -> keras.Model:
    """Return a model of one layer, which attention gets its input for query and value."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, dtype=dtype)
    attends = isinstance(layer, layers.MultiHeadAttention)
    return keras.Model(inputs, layer(inputs, inputs) if attends else layer(inputs))


def _load_drawn(model: keras.Model) -> None:
    shapes = {name: array.shape for name, array in weights.weights(model).items()}
    weights.load_weights(model, initial.draw(shapes, 0))


def _limit(variable: Any) -> float:
    return float(np.abs(ops.convert_to_numpy(variable)).max())


def _std(variable: Any) -> float:
    return float(np.std(ops.convert_to_numpy(variable)))


def _kernel_and_bias(layer: layers.Layer, *shape: int) -> Measured:
    model = _model(layer, *shape)
    std = _std(layer.kernel)
    values = {"limit": _limit(layer.kernel), "std": std, "biases are drawn": _limit(layer.bias) > 0}
    _load_drawn(model)
    return Measured(values, std, _std(layer.kernel))


@DEFAULTS.measures
def dense_start() -> Measured:
    """Dense, 512 to 256."""
    return _kernel_and_bias(layers.Dense(256, name="layer"), 512)


@DEFAULTS.measures
def convolution_start() -> Measured:
    """Conv2D, 3 x 3, 32 to 64."""
    return _kernel_and_bias(layers.Conv2D(64, 3, name="layer"), 9, 9, 32)


@DEFAULTS.measures
def embedding_start() -> Measured:
    """Embedding, 1000 rows of 64."""
    layer = layers.Embedding(1000, 64, name="layer")
    model = _model(layer, 5, dtype="int32")
    std = _std(layer.embeddings)
    _load_drawn(model)
    return Measured({"std": std}, std, _std(layer.embeddings))


@DEFAULTS.measures
def recurrent_start() -> Measured:
    """LSTM, 16 to 32."""
    layer = layers.LSTM(32, name="layer")
    model, cell = _model(layer, 5, 16), layer.cell
    recurrent = np.array(ops.convert_to_numpy(cell.recurrent_kernel))  # (units, gates * units), rows orthonormal
    values = {
        "kernel limit": _limit(cell.kernel),
        "recurrent kernel is orthogonal": bool(np.allclose(recurrent @ recurrent.T, np.eye(32), atol=1e-4)),
        "forget bias is 1": bool((np.array(ops.convert_to_numpy(cell.bias))[32:64] == 1).all()),
    }
    std = _std(cell.kernel)
    _load_drawn(model)
    return Measured(values, std, _std(cell.kernel))


@DEFAULTS.measures
def attention_start() -> Measured:
    """MultiHeadAttention, 4 heads of 16."""
    layer = layers.MultiHeadAttention(4, 16, name="layer")
    model = _model(layer, 5, 64)
    default = [_limit(layer.query_dense.kernel), _limit(layer.output_dense.kernel)]
    _load_drawn(model)
    aligned = [_limit(layer.query_dense.kernel), _limit(layer.output_dense.kernel)]
    return Measured(dict(zip(("query limit", "output limit"), default, strict=True)), default, aligned)
