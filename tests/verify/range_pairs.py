"""Pairs that are equal on ordinary inputs: some are one model, some differ elsewhere, each in one piece of a network.

A pair bears the name of its family and what it is made with: `CLAMP_300`. WRONG and HONEST list those of the tests;
any other can be verified by such a name.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import Input, Pair

Piece = Callable[[Any], Any]
"""Maps a framework (keras or torch) to a function of a value, or to a layer."""


def keras_network(piece: Piece, shape: tuple[int | None, ...], ends: Callable[[Any], tuple[Any, Any]]) -> Any:
    import keras

    first, last = ends(keras.layers)
    given = keras.Input(shape)
    return keras.Model(given, last(piece(keras)(first(given))))


def torch_network(piece: Piece, ends: Callable[[Any], tuple[Any, Any]]) -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = ends(nn)
            self.middle = piece(torch)

        def forward(self, x: Any) -> Any:
            return self.last(self.middle(self.first(x)))

    return Network()


def between(keras: Piece, torch: Piece, shape: tuple[int, ...] = (4,), open_axes: bool = False) -> Pair:
    """Return a pair of networks with a piece between two dense layers."""
    stated = (*(None for _ in shape[:-1]), shape[-1]) if open_axes else shape
    return Pair(
        partial(keras_network, keras, stated, lambda k: (k.Dense(6, name="first"), k.Dense(3, name="last"))),
        partial(torch_network, torch, lambda nn: (nn.Linear(shape[-1], 6), nn.Linear(6, 3))),
        shape,
    )


def on_images(keras: Piece, torch: Piece) -> Pair:
    """Return a pair of networks on images with a piece between two convolutions."""
    return Pair(
        partial(keras_network, keras, (8, 8, 2), lambda k: (k.Conv2D(4, 1, name="first"), k.Conv2D(3, 1, name="last"))),
        partial(torch_network, torch, lambda nn: (nn.Conv2d(2, 4, 1), nn.Conv2d(4, 3, 1))),
        (8, 8, 2),
    )


def same(value: Any) -> Any:
    return value


def nothing(framework: Any) -> Callable[[Any], Any]:
    return same


def keras_function(function: Callable[[Any, Any], Any]) -> Piece:
    """A function of keras.ops and a value, as operations of the model."""
    return lambda k: partial(function, k.ops)


def keras_layer(function: Callable[[Any, Any, bool], Any]) -> Piece:
    """A function of keras.ops, a value and whether the model is being trained, as a layer."""

    def make(keras: Any) -> Any:
        class Own(keras.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                return function(keras.ops, x, training)

            def compute_output_shape(self, shape: Any) -> Any:
                return shape

        return Own(name="middle")

    return make


def torch_function(function: Callable[[Any, Any], Any]) -> Piece:
    """A function of torch and a value, called in forward."""
    return lambda t: partial(function, t)


def torch_module(function: Callable[[Any, Any, Any], Any]) -> Piece:
    """A function of torch, a module and a value, as a module."""

    def make(torch: Any) -> Any:
        class Own(torch.nn.Module):
            def forward(self, x: Any) -> Any:
                return function(torch, self, x)

        return Own()

    return make


# === Values ===


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


# === Sizes, modes, state ===


def batch_of(size: str) -> Pair:
    """A factor at one batch size."""
    return between(nothing, torch_function(lambda t, x: 1.5 * x if len(x) == int(size) else x))


def length_over(limit: str) -> Pair:
    """A factor on long sequences."""
    over = torch_function(lambda t, x: 1.5 * x if x.shape[1] > int(limit) else x)
    return between(nothing, over, (6, 4), open_axes=True)


def odd_lengths() -> Pair:
    """A factor on sequences of odd length."""
    odd = torch_function(lambda t, x: 1.5 * x if x.shape[1] % 2 else x)
    return between(nothing, odd, (6, 4), open_axes=True)


def in_training(percent: str) -> Pair:
    by = 1 + float(percent) / 100
    return between(keras_layer(lambda ops, x, training: x * by if training else x), nothing)


def bounded_in_training(bound: str) -> Pair:
    high = float(bound)
    return between(nothing, torch_module(lambda t, module, x: x.clamp(-high, high) if module.training else x))


def call_number(number: str) -> Pair:
    """A factor from one of the calls in evaluation mode on."""

    def call(torch: Any, module: Any, x: Any) -> Any:
        if module.training:
            return x
        module.__dict__["calls"] = module.__dict__.get("calls", 0) + 1
        return 1.5 * x if module.calls >= int(number) else x

    return between(nothing, torch_module(call))


# === Tokens and masks ===


def token_clip(last: str) -> Pair:
    """Token ids are clipped at one that is hardly ever drawn."""
    size = 5000

    def keras() -> Any:
        import keras
        from keras import layers

        given = keras.Input((5,), dtype="int32")
        x = layers.Embedding(size, 4, name="embedding")(given)
        return keras.Model(given, layers.Dense(3, name="last")(layers.GlobalAveragePooling1D(name="mean")(x)))

    def torch() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding, self.last = nn.Embedding(size, 4), nn.Linear(4, 3)

            def forward(self, tokens: Any) -> Any:
                return self.last(self.embedding(tokens.clamp(max=int(last))).mean(1))

        return Network()

    return Pair(keras, torch, Input((5,), kind="tokens", size=size))


def all_but_one(percent: str) -> Pair:
    """A mean over what a mask keeps, which is another where it keeps a single one of very many."""
    return Pair(_keras_masked_mean, partial(_torch_masked_mean, 1 + float(percent) / 100), _MASKED)


_MASKED: Mapping[str, Input] = {"values": Input((200, 3)), "mask": Input((200,), kind="mask")}


def _keras_masked_mean() -> Any:
    import keras
    from keras import layers, ops

    values, mask = keras.Input((200, 3), name="values"), keras.Input((200,), dtype="bool", name="mask")
    weight = ops.expand_dims(ops.cast(mask, values.dtype), -1)
    mean = ops.sum(values * weight, axis=1) / ops.sum(weight, axis=1)
    return keras.Model([values, mask], layers.Dense(2, name="last")(mean))


def _torch_masked_mean(factor: float) -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(3, 2)

        def forward(self, values: Any, mask: Any) -> Any:
            weight = mask[..., None].to(values.dtype)
            count = weight.sum(1)
            mean = (values * weight).sum(1) / count
            return self.last(mean.where(count > 1, factor * mean))

    return Network()


# === Honest ===

_ACTIVATIONS: Mapping[str, Piece] = {
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
    return between(lambda k: k.layers.Activation(name, name="middle"), _ACTIVATIONS[name])


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


def _mean(ops: Any, x: Any) -> Any:
    return ops.mean(x, -1, keepdims=True)


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


def masked_mean() -> Pair:
    return all_but_one("0")


def open_length() -> Pair:
    return between(
        keras_function(lambda ops, x: ops.tanh(x)), torch_function(lambda t, x: x.tanh()), (6, 4), open_axes=True
    )


FAMILIES: Mapping[str, Callable[..., Pair]] = {
    made.__name__: made
    for made in (
        clamp, relu6, hardtanh, clamped_inputs, leaky_bend, softplus, saturated, norm_epsilon, narrow_type,
        zero_padding, batch_of, length_over, odd_lengths, in_training, bounded_in_training, call_number, token_clip,
        all_but_one, activation, layer_norm, group_norm, variance, bilinear, max_pool, padded_pool, useless_bound,
        masked_mean, open_length,
    )
}  # fmt: skip

WRONG: Mapping[str, str] = {
    "RELU6_LAYER": "layer 'middle' (ReLU against ReLU6) differs by",
    "RELU6_FUNCTION": "between 'first' and 'last'",
    "HARDTANH_20": "on inputs of size",
    "CLAMP_3_KERAS_LAYER": "on inputs of size 10",
    "CLAMP_40": "between 'first' and 'last'",
    "CLAMP_1000_KERAS": "between 'first' and 'last'",
    "CLAMPED_INPUTS_5": "between the inputs and 'first'",
    "LEAKY_BEND_30": "differs by",
    "SOFTPLUS_12": "differs by",
    "SATURATED_60": "'narrow' has other values on the two sides on ordinary inputs already",
    "NORM_EPSILON_1E-14_1E-13": "layer 'middle' (LayerNormalization against LayerNorm)",
    "NARROW_TYPE_FLOAT32": "in a second call",
    "ZERO_PADDING": "between 'first' and 'last'",
    "BATCH_OF_1": "between 'first' and 'last': what comes out differs by 3.3e-01 at batch size 1",
    "BATCH_OF_7": "at batch size 7",
    "LENGTH_OVER_20": "an axis of 50 in place of 6",
    "ODD_LENGTHS": "an axis of 7 in place of 6",
    "IN_TRAINING_1": "in training mode",
    "BOUNDED_IN_TRAINING_40": "in training mode on values of size 100",
    "CALL_NUMBER_2": "in a second call",
    "TOKEN_CLIP_4998": "between the inputs and 'embedding'",
    "ALL_BUT_ONE_1": "differs by",
}
"""By what the verdict must say."""

HONEST = (
    *(f"ACTIVATION_{name.upper()}" for name in _ACTIVATIONS), "LAYER_NORM_1E-5", "GROUP_NORM", "VARIANCE", "BILINEAR_3",
    "MAX_POOL", "PADDED_POOL", "USELESS_BOUND", "MASKED_MEAN", "OPEN_LENGTH",
)  # fmt: skip


def __getattr__(name: str) -> Pair:
    """Return the pair of a family's name and its parameters, in capitals and joined by underscores."""
    own = name.lower()
    family = next((one for one in sorted(FAMILIES, key=len, reverse=True) if f"{own}_".startswith(f"{one}_")), None)
    if family is None:
        raise AttributeError(name)
    return FAMILIES[family](*filter(None, own[len(family) :].split("_")))
