"""Initial weights that Keras draws by default: limits and standard deviations, of many numbers after seed 0."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from shared.differences.measured import Measured


def _built(layer: layers.Layer, *shapes: tuple) -> layers.Layer:
    keras.utils.set_random_seed(0)
    layer.build(*shapes)
    return layer


def _limit(variable: Any) -> float:
    return float(np.abs(ops.convert_to_numpy(variable)).max())


def _std(variable: Any) -> float:
    return float(np.std(ops.convert_to_numpy(variable)))


def _drawn(layer: layers.Layer) -> Measured:
    bias, std = bool(_limit(layer.bias) > 0), _std(layer.kernel)
    return Measured({"limit": _limit(layer.kernel), "std": std, "biases are drawn": bias}, std)


def dense_start() -> Measured:
    """Dense, 512 to 256."""
    return _drawn(_built(layers.Dense(256), (None, 512)))


def convolution_start() -> Measured:
    """Conv2D, 3 x 3, 32 to 64."""
    return _drawn(_built(layers.Conv2D(64, 3), (None, 9, 9, 32)))


def embedding_start() -> Measured:
    """Embedding, 1000 rows of 64."""
    std = _std(_built(layers.Embedding(1000, 64)).embeddings)
    return Measured({"std": std}, std)


def recurrent_start() -> Measured:
    """LSTM, 16 to 32."""
    cell = _built(layers.LSTM(32), (None, None, 16)).cell
    recurrent = np.array(ops.convert_to_numpy(cell.recurrent_kernel))  # (units, gates * units), rows orthonormal
    bias = np.array(ops.convert_to_numpy(cell.bias))
    return Measured(
        {
            "kernel limit": _limit(cell.kernel),
            "recurrent kernel is orthogonal": bool(np.allclose(recurrent @ recurrent.T, np.eye(32), atol=1e-4)),
            "forget bias is 1": bool((bias[32:64] == 1).all()),
        },
        _std(cell.kernel),
    )


def attention_start() -> Measured:
    """MultiHeadAttention, 4 heads of 16."""
    layer = _built(layers.MultiHeadAttention(4, 16), (None, 5, 64), (None, 5, 64))
    limits = {"query limit": _limit(layer.query_dense.kernel), "output limit": _limit(layer.output_dense.kernel)}
    return Measured(limits, list(limits.values()))
