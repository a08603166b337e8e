"""Layers that Keras lacks, and the activations by name, each a layer of its own."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import keras
from keras import layers, ops

from shared.activations import LEAKY_SLOPE, PRELU_ALPHA, Activation


@keras.saving.register_keras_serializable(package="twotrack")
class SwiGLU(layers.Layer):
    """a * silu(b), a the first half of the last axis and b, the gate, the second (Shazeer 2020).

    silu(b) = b * sigmoid(b). Without weights: the dense layer in front makes both halves.
    """

    def call(self, x: Any) -> Any:
        """Map x (..., 2 * units) to (..., units)."""
        a, b = ops.split(x, 2, axis=-1)
        return a * ops.silu(b)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Halve the last axis."""
        return (*input_shape[:-1], input_shape[-1] // 2)


@keras.saving.register_keras_serializable(package="twotrack")
def gelu_tanh(x: Any) -> Any:
    """GELU with tanh in place of erf (Hendrycks and Gimpel 2016, section 2)."""
    return keras.activations.gelu(x, approximate=True)


ACTIVATIONS: Mapping[Activation, Callable[..., layers.Layer]] = MappingProxyType(
    {
        "none": partial(layers.Activation, "linear"),
        "relu": layers.ReLU,
        "leaky_relu": partial(layers.LeakyReLU, negative_slope=LEAKY_SLOPE),
        "prelu": partial(layers.PReLU, alpha_initializer=keras.initializers.Constant(PRELU_ALPHA)),  # one per unit
        "sigmoid": partial(layers.Activation, "sigmoid"),
        "tanh": partial(layers.Activation, "tanh"),
        "softmax": partial(layers.Softmax, axis=-1),
        "gelu": partial(layers.Activation, "gelu"),  # exact
        "gelu_tanh": partial(layers.Activation, gelu_tanh),
        "swiglu": SwiGLU,
    }
)


def activation(kind: Activation, name: str) -> layers.Layer:
    """Return the activation `kind` as a layer called `name`."""
    return ACTIVATIONS[kind](name=name)
