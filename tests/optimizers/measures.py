"""Probes in Keras: single operations with known results, and what Keras holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import dtypes

from tests.optimizers import probes
from tests.optimizers.precision_tasks import Measured
from tests.optimizers.tasks import keras_float64
from twotrack.keras_track import precision


def table_entry() -> str:
    """What Keras' type promotion makes of float64 when nobody asked for float64."""
    return dtypes.BIT64_TO_BIT32_DTYPE["float64"]


def wide() -> Measured:
    with keras_float64():
        return _measure()


def documented_switches_only() -> Measured:
    """What the public settings for float64 give, without twotrack.keras_track.precision."""
    with _public_float64():
        return _measure()


def before_and_after() -> list[Measured]:
    """What float32 computes, before and after float64 was on in the same process."""
    before = _measure()
    with keras_float64():
        _measure()
    return [before, _measure()]


def refusal() -> str | None:
    """What set_precision says when Keras does not read the table that it changes."""
    real, precision.dtypes = (
        precision.dtypes,
        SimpleNamespace(BIT64_TO_BIT32_DTYPE={"float64": "float32"}, PYTHON_DTYPES_MAP={}),
    )
    try:
        precision.set_precision("float64")
    except RuntimeError as error:
        return str(error)
    finally:
        precision.dtypes = real
        precision.set_precision("float32")
    return None


@contextmanager
def _public_float64() -> Iterator[None]:
    _set_publicly("float64")
    try:
        yield
    finally:
        _set_publicly("float32")


def _set_publicly(precision: str) -> None:
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", precision == "float64")
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)


def _measure() -> Measured:
    results = {name: keras.ops.convert_to_numpy(compute()) for name, compute in _PROBES.items()}
    return Measured(
        {name: np.float64(result).tolist() for name, result in results.items()},
        {name: str(result.dtype) for name, result in results.items()},
        keras.backend.result_type("float64", "float64"),
    )


def _inputs() -> Any:
    return keras.ops.convert_to_tensor(probes.INPUTS, keras.config.floatx())


def _layer(layer: keras.layers.Layer, *weights: np.ndarray) -> Callable[..., Any]:
    layer.build(probes.INPUTS.shape)
    layer.set_weights(weights)
    return layer


def _moving_variance() -> Any:
    layer = keras.layers.BatchNormalization(momentum=probes.MOMENTUM, epsilon=1e-5)
    layer(_inputs(), training=True)
    return layer.moving_variance


def _multi_head_attention() -> Any:
    inputs = _inputs()[None]  # (1, T, C)
    layer = keras.layers.MultiHeadAttention(1, probes.WIDTH, use_bias=False)
    layer.build(inputs.shape, inputs.shape)
    layer.set_weights([np.eye(probes.WIDTH).reshape(weight.shape) for weight in layer.weights])
    return layer(inputs, inputs, use_causal_mask=True)[0]


def _attention_without_scale() -> Any:
    inputs = _inputs()[None, :, None]  # (1, T, heads 1, C)
    return keras.ops.dot_product_attention(inputs, inputs, inputs, is_causal=True)[0, :, 0]


_PROBES: dict[str, Callable[[], Any]] = {
    "dense": lambda: _layer(keras.layers.Dense(probes.WIDTH, use_bias=False), probes.KERNEL)(_inputs()),
    "layer_norm": lambda: keras.layers.LayerNormalization(epsilon=1e-5)(_inputs()),
    "moving_variance": _moving_variance,
    "leaky_relu": lambda: keras.layers.LeakyReLU(probes.SLOPE)(_inputs()),
    "gelu": lambda: keras.activations.gelu(_inputs()),
    "gelu_tanh": lambda: keras.activations.gelu(_inputs(), approximate=True),
    "multi_head_attention": _multi_head_attention,
    "attention_without_scale": _attention_without_scale,
    "rescaling": lambda: keras.layers.Rescaling(probes.SCALE)(_inputs()),
    "l2": lambda: keras.regularizers.L2(probes.SCALE)(_inputs()),
    "mean_squared_error": lambda: keras.losses.MeanSquaredError()(_inputs() * 0, _inputs()),
    "cast": lambda: keras.ops.cast(probes.SCALE, keras.config.floatx()),
    "convert": lambda: keras.ops.multiply(keras.ops.convert_to_tensor(probes.SCALE), _inputs()),
    "integer_root": lambda: keras.ops.divide(_inputs(), keras.ops.sqrt(8)),
}
