"""What is left of float64 in Keras: by default, and with twotrack.keras_track.precision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from twotrack.keras_track import arithmetic
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.keras_track.precision import set_precision
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.precision.computing import Computing


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


def _computes_in(precision: str) -> dict[str, str]:
    """Return what layers and losses compute in under a mixed policy, beside casts and copies."""
    policy = keras.DTypePolicy(f"mixed_{precision}")
    rows, picture = samples.normal(4, 8), samples.normal(2, 6, 6, 4)
    steps, ids = samples.normal(2, 5, 8), np.zeros((2, 5), "int32")
    half = ops.cast(rows, precision)
    done: dict[str, Callable[[], object]] = {
        "dense": partial(layers.Dense(3, dtype=policy), rows),
        "convolution": partial(layers.Conv2D(3, 3, dtype=policy), picture),
        "embedding": partial(layers.Embedding(3, 8, dtype=policy), ids),
        "simple recurrence": partial(layers.SimpleRNN(3, dtype=policy), steps),
        "LSTM": partial(layers.LSTM(3, dtype=policy), steps),
        "GRU": partial(layers.GRU(3, dtype=policy), steps),
        "attention": partial(layers.MultiHeadAttention(2, 4, dtype=policy), steps, steps),
        "matmul": partial(ops.matmul, half, ops.transpose(half)),
        "batch norm": partial(layers.BatchNormalization(dtype=policy), picture, training=True),
        "layer norm": partial(layers.LayerNormalization(dtype=policy), rows),
        "group norm": partial(layers.GroupNormalization(2, dtype=policy), rows),
        "max pool": partial(layers.MaxPooling2D(2, dtype=policy), picture),
        "average pool": partial(layers.AveragePooling2D(2, dtype=policy), picture),
        **{name: partial(layers.Activation(name, dtype=policy), rows) for name in ("relu", "tanh", "sigmoid", "gelu")},
        "softmax": partial(layers.Softmax(dtype=policy), rows),
        "log-softmax": partial(layers.Activation("log_softmax", dtype=policy), rows),
        "residual sum": partial(layers.Add(dtype=policy), [rows, rows]),
        "mean": partial(ops.mean, half),
        **_losses(half),
    }
    return {name: _types(step, precision) for name, step in done.items()}


def _losses(outputs: Any) -> dict[str, Callable[[], object]]:
    """Return losses of outputs (4, 8) in half precision."""
    targets, classes = np.zeros((4, 8), "float32"), np.zeros(4, "int32")
    return {
        "cross-entropy": partial(keras.losses.SparseCategoricalCrossentropy(from_logits=True), classes, outputs),
        "binary cross-entropy": partial(keras.losses.BinaryCrossentropy(from_logits=True), targets, outputs),
        "squared error": partial(keras.losses.MeanSquaredError(), targets, outputs),
    }


def _types(step: Callable[[], object], precision: str) -> str:
    """Return the types that the second of two calls computes in; the first one builds."""
    step()
    computing = Computing("")
    with arithmetic.noted_by_backend(computing, lambda: ("", "")):
        step()
    return " and ".join(sorted({found.precision for found in computing.found if found.computes}))


@DEFAULTS.measures
def mixed_bfloat16() -> Measured:
    """What layers compute in under the policy mixed_bfloat16."""
    return Measured(_computes_in("bfloat16"))


@DEFAULTS.measures
def mixed_float16() -> Measured:
    """What layers compute in under the policy mixed_float16."""
    return Measured(_computes_in("float16"))


@DEFAULTS.measures
def loss_scaling() -> Measured:
    """LossScaleOptimizer, and a schedule in it, over a step with a finite gradient and one with an infinite one."""
    inner = keras.optimizers.SGD(1.0)
    steps = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0)).dynamic_growth_steps
    optimizer, weight = keras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=1), keras.Variable([1.0])
    optimizer.build([weight])
    scales, values, counts = [_number(optimizer.dynamic_scale)], list[float](), list[float]()
    for gradient in (1.0, float("inf")):
        _step(optimizer, weight, gradient)
        scales.append(_number(optimizer.dynamic_scale))
        values.append(_number(weight[0]))
        counts.append(_number(inner.iterations))
    return Measured(
        {
            "initial scale": scales[0],
            "steps until it grows": steps,
            "grows by": scales[1] / scales[0],
            "after infinity, times": scales[2] / scales[1],
            "a step with infinity is done": values[1] != values[0],
            "a schedule counts it": counts[1] != counts[0],
        }
    )


def _number(value: Any) -> float:
    return float(ops.convert_to_numpy(value))


def _step(optimizer: keras.optimizers.Optimizer, weight: keras.Variable, gradient: float) -> None:
    """Do a step: on JAX without state of its own, as JAX alone can and TensorFlow cannot."""
    gradients = [ops.full((1,), gradient)]
    if keras.backend.backend() != "jax":
        optimizer.apply(gradients, [weight])
        return
    state = [variable.value for variable in optimizer.variables]
    moved, after = optimizer.stateless_apply(state, gradients, [weight.value])
    for variable, value in zip([weight, *optimizer.variables], [*moved, *after], strict=True):
        variable.assign(value)
