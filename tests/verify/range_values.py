"""Pairs with a piece that other values show than ordinary ones, and pieces that are one function on all values."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.verify.range_networks import Piece, between, keras_function, keras_layer, nothing, on_images, torch_function
from twotrack import Pair


def clamp(bound: str, side: str = "torch", form: str = "function") -> Pair:
    """Nothing on one side, values clipped at a bound on the other."""
    high = float(bound)
    if side == "torch":
        return between(nothing, torch_function(lambda t, x: x.clamp(-high, high)))
    if form == "layer":
        return between(keras_layer(lambda ops, x, training: ops.clip(x, -high, high)), nothing)
    return between(keras_function(lambda ops, x: ops.clip(x, -high, high)), nothing)


def relu6(form: str) -> Pair:
    plain = {"layer": lambda k: k.layers.ReLU(name="middle"), "function": keras_function(lambda ops, x: ops.relu(x))}
    capped = {"layer": lambda t: t.nn.ReLU6(), "function": torch_function(lambda t, x: t.nn.functional.relu6(x))}
    return between(plain[form], capped[form])


def hardtanh(bound: str) -> Pair:
    return between(nothing, lambda t: t.nn.Hardtanh(-float(bound), float(bound)))


def clamped_inputs(bound: str) -> Pair:
    """Inputs are clipped before the first layer."""
    high = float(bound)
    return Pair(
        sequential(
            lambda k: k.Input((4,)),
            lambda k: k.Dense(6, activation="tanh", name="first"),
            lambda k: k.Dense(3, name="last"),
        ),
        partial(_torch_with_clamped_inputs, high),
        (4,),
    )


def _torch_with_clamped_inputs(high: float) -> Any:
    network = modules(first=lambda nn: nn.Linear(4, 6), tanh=lambda nn: nn.Tanh(), last=lambda nn: nn.Linear(6, 3))()
    forward = network.forward
    network.forward = lambda x: forward(x.clamp(-high, high))
    return network


def leaky_bend(at: str) -> Pair:
    """A slope of 0.1 below 0, which is 0.2 far below."""
    far = float(at)
    return between(
        lambda k: k.layers.LeakyReLU(negative_slope=0.1, name="middle"),
        torch_function(lambda t, x: t.maximum(x, 0.1 * x) - 0.1 * t.relu(-x - far)),
    )


def softplus(threshold: str) -> Pair:
    at = float(threshold)
    return between(lambda k: k.layers.Activation("softplus", name="middle"), lambda t: t.nn.Softplus(threshold=at))


def saturated(shift: str) -> Pair:
    """tanh against ReLU in front of a dense layer whose outputs a sigmoid flattens to 1."""
    by = float(shift)
    return Pair(
        partial(_keras_saturated, by),
        partial(_torch_saturated, by),
        (4,),
    )


def _keras_saturated(by: float) -> Any:
    import keras
    from keras import layers, ops

    given = keras.Input((4,))
    x = layers.Dense(5, name="narrow")(ops.tanh(layers.Dense(6, name="first")(given)))
    return keras.Model(given, layers.Dense(3, name="last")(ops.sigmoid(x + by)))


def _torch_saturated(by: float) -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.narrow, self.last = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x: Any) -> Any:
            return self.last((self.narrow(self.first(x).relu()) + by).sigmoid())

    return Network()


def norm_epsilon(epsilon: str, other: str) -> Pair:
    """Layer normalisation whose epsilons no ordinary variance shows."""
    return between(
        lambda k: k.layers.LayerNormalization(epsilon=float(epsilon), name="middle"),
        lambda t: t.nn.LayerNorm(6, float(other)),
    )


def narrow_type(dtype: str) -> Pair:
    """Values go through a narrower type on one side."""
    return between(nothing, torch_function(lambda t, x: x.to(getattr(t, dtype)).to(x.dtype)))


def zero_padding() -> Pair:
    """Zeros in front of max pooling against nothing that counts; values below 0 are rare."""
    return on_images(
        lambda k: (
            lambda x: k.layers.MaxPooling2D(3, 2, name="middle")(
                k.layers.ZeroPadding2D(1)(k.layers.Activation(k.ops.softplus)(x) - 1e-4)
            )
        ),
        lambda t: lambda x: t.nn.functional.max_pool2d(t.nn.functional.softplus(x, 1, 50) - 1e-4, 3, 2, 1),
    )


# === Honest ===

ACTIVATIONS: Mapping[str, Piece] = {
    "gelu": lambda t: t.nn.GELU(),
    "log_softmax": lambda t: t.nn.LogSoftmax(-1),
    "softmax": lambda t: t.nn.Softmax(-1),
    "elu": lambda t: t.nn.ELU(),
    "selu": lambda t: t.nn.SELU(),
    "silu": lambda t: t.nn.SiLU(),
    "hard_sigmoid": lambda t: t.nn.Hardsigmoid(),
    "exponential": torch_function(lambda t, x: x.exp()),
    "relu6": torch_function(lambda t, x: x.clamp(0, 6)),
}


def activation(*words: str) -> Pair:
    name = "_".join(words)
    return between(lambda k: k.layers.Activation(name, name="middle"), ACTIVATIONS[name])


def layer_norm(epsilon: str) -> Pair:
    return norm_epsilon(epsilon, epsilon)


def group_norm() -> Pair:
    return on_images(
        lambda k: k.layers.GroupNormalization(2, epsilon=1e-5, name="middle"), lambda t: t.nn.GroupNorm(2, 4)
    )


def variance() -> Pair:
    """The variance of a row as a mean of squares, and as a difference of squares."""
    return between(
        keras_function(
            lambda ops, x: x / ops.sqrt(ops.mean(x * x, -1, keepdims=True) - ops.mean(x, -1, keepdims=True) ** 2 + 1e-3)
        ),
        torch_function(lambda t, x: x / (x.var(-1, correction=0, keepdim=True) + 1e-3).sqrt()),
    )


def bilinear(factor: str) -> Pair:
    size = int(factor)
    return on_images(
        lambda k: k.layers.UpSampling2D(size, interpolation="bilinear", name="middle"),
        lambda t: t.nn.Upsample(scale_factor=size, mode="bilinear"),
    )


def max_pool() -> Pair:
    return on_images(lambda k: k.layers.MaxPooling2D(2, name="middle"), lambda t: t.nn.MaxPool2d(2))


def padded_pool() -> Pair:
    """Zeros in front of max pooling, behind ReLU, where they do not count."""
    return on_images(
        lambda k: lambda x: k.layers.MaxPooling2D(3, 2, name="middle")(k.layers.ZeroPadding2D(1)(k.ops.relu(x))),
        lambda t: lambda x: t.nn.functional.max_pool2d(t.relu(x), 3, 2, 1),
    )


def useless_bound() -> Pair:
    """A bound at 6 behind a sigmoid."""
    return between(
        keras_function(lambda ops, x: ops.relu(ops.sigmoid(x))), torch_function(lambda t, x: x.sigmoid().clamp(0, 6))
    )


def hidden(by: str) -> Pair:
    """Softmax over pairs of scores, the second of which a number hides in Keras and infinity in torch."""

    def keras(ops: Any, x: Any) -> Any:
        scores = ops.reshape(x * ops.abs(x), (-1, x.shape[-1] // 2, 2))
        weights = ops.softmax(ops.where(ops.arange(2) == 1, -float(by), scores), axis=-1)
        return ops.reshape(weights, (-1, x.shape[-1]))

    def torch(t: Any, x: Any) -> Any:
        scores = (x * x.abs()).unflatten(-1, (-1, 2))
        return scores.masked_fill(t.arange(2) == 1, float("-inf")).softmax(-1).flatten(-2)

    return between(keras_function(keras), torch_function(torch))
