"""Layers that Keras lacks or keeps to itself, and the activations by name, each a layer of its own."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import keras
from keras import layers, ops

from twotrack.shared.spec.activations import LEAKY_SLOPE, PRELU_ALPHA, Activation
from twotrack.shared.spec.positions import sinusoids
from twotrack.shared.weights.initial import CONSTANTS


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
class Positions(layers.Layer):
    """Adds to each place of a sequence a vector of its own: learned, or sinusoids of the place."""

    def __init__(self, kind: Literal["learned", "sinusoidal"], **options: Any):
        super().__init__(**options)
        self.kind = kind

    def build(self, input_shape: tuple) -> None:
        """Make the vectors for inputs (batch, length, size)."""
        length, size = input_shape[1:]
        if self.kind == "learned":
            self.vectors = self.add_weight(name="embeddings", shape=(length, size), initializer="uniform")
        else:
            self.vectors = sinusoids(length, size)

    def call(self, x: Any) -> Any:
        """Return x (batch, length, size) plus the vectors."""
        return x + ops.cast(self.vectors, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"kind": self.kind}


@keras.saving.register_keras_serializable(package="twotrack")
class LayerScale(layers.Layer):
    """Multiplies each channel by a weight that begins near 0 (Touvron et al. 2021, CaiT)."""

    def build(self, input_shape: tuple) -> None:
        """Make the weights for inputs (..., channels)."""
        initial = keras.initializers.Constant(CONSTANTS["layer_scale"])
        self.layer_scale = self.add_weight(name="layer_scale", shape=input_shape[-1:], initializer=initial)

    def call(self, x: Any) -> Any:
        """Scale x (..., channels)."""
        return ops.cast(self.layer_scale, x.dtype) * x


@keras.saving.register_keras_serializable(package="twotrack")
class MaskedMean(layers.Layer):
    """Mean over the places of a sequence that a mask keeps."""

    def call(self, x: Any, mask: Any) -> Any:
        """Map x (batch, length, size) and mask (batch, length) to (batch, size)."""
        weight = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        return ops.sum(x * weight, axis=1) / ops.sum(weight, axis=1)

    def compute_output_shape(self, input_shape: tuple, *_: tuple) -> tuple:
        """Leave the length out."""
        return (input_shape[0], input_shape[-1])


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


def head(size: int, num_outputs: int, dropout: float) -> keras.Model:
    """Return the part `head` of a model that transfers: features (batch, size) to logits (batch, num_outputs)."""
    network = keras.Sequential([keras.Input((size,))], name="head")
    if dropout:
        network.add(layers.Dropout(dropout, name="dropout"))
    network.add(layers.Dense(num_outputs, name="logits"))
    return network
