"""What is left of float64 in Keras: by default, and with twotrack.keras_track.precision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
from keras import layers, ops

from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.keras_track.precision import set_precision
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@contextmanager
def _float64() -> Iterator[None]:
    set_precision("float64")
    try:
        yield
    finally:
        set_precision("float32")


def _both(measure: Callable[[], float | np.ndarray]) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Return a measurement without and with twotrack.keras_track.precision."""
    default = measure()
    with _float64():
        return default, measure()


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) / 3


@DEFAULTS.measures
def float64_policy() -> Measured:
    """Type of a layer after keras.config.set_floatx("float64") alone."""
    keras.config.set_floatx("float64")
    try:
        dtype = layers.Dense(1).dtype
    finally:
        set_precision("float32")
    return Measured({"a new layer": dtype})


@DEFAULTS.measures
def float64_promotion() -> Measured:
    """Type of float64 with float64; a product of such matrices."""
    left, right = (_wide(samples.SCORES[start : start + 16].reshape(4, 4)) for start in (0, 16))
    promoted = keras.backend.result_type("float64", "float64")
    return Measured({"float64 with float64": promoted}, *_both(lambda: _product(left, right)))


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.array(ops.convert_to_numpy(ops.matmul(ops.convert_to_tensor(left), ops.convert_to_tensor(right))))


@DEFAULTS.measures
def float64_cast() -> Measured:
    """0.999 as float64, by the cast that Keras on TensorFlow uses."""
    import tensorflow

    default, aligned = _both(lambda: float(tensorflow.cast(0.999, "float64")))
    return Measured({"0.999 is exact": default == 0.999}, default, aligned)


@DEFAULTS.measures
def float64_leaky_relu() -> Measured:
    """Leaky ReLU with slope 0.3 of -1 in float64, on TensorFlow."""
    x = ops.convert_to_tensor(np.array([-1.0]))
    default, aligned = _both(lambda: float(keras.activations.leaky_relu(x, 0.3)[0]))
    return Measured({"slope 0.3 is exact": default == -0.3}, default, aligned)


@DEFAULTS.measures
def float64_attention() -> Measured:
    """Attention of (1, 4, 4) on itself in float64, by the function that Keras on JAX uses."""
    import jax

    original, x = jax.nn.dot_product_attention, _wide(samples.normal(1, 4, 1, 4))
    with _float64():
        default, aligned = (
            np.array(attend(*[jax.numpy.asarray(x)] * 3)) for attend in (original, jax.nn.dot_product_attention)
        )
    return Measured({"softmax is float64": bool(np.allclose(default, aligned, rtol=0, atol=1e-14))}, default, aligned)
