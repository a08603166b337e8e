"""Values in another order or of another place, and weights that are one in Keras and two in torch."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.diagnosis.faults.fault import Fault, fault
from twotrack import Input, Pair


def network(make: Callable[[Any, Any], None], forward: Callable[..., Any]) -> Callable[[], Any]:
    """Return a build function of torch; `make` gives a module its layers."""

    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                make(self, nn)

            def forward(self, *values: Any) -> Any:
                return forward(self, *values)

        return Network()

    return build


# === The ends of both directions ===

KERAS_ENDS = sequential(
    lambda k: k.Input((4, 3)),
    lambda k: k.Bidirectional(k.GRU(2), name="steps"),
    lambda k: k.Dense(2, name="last"),
)


def recurrent_layers(module: Any, nn: Any) -> None:
    module.steps, module.last = nn.GRU(3, 2, bidirectional=True, batch_first=True), nn.Linear(4, 2)


def last_step(module: Any, x: Any) -> Any:
    """The backward direction has read one step only there."""
    return module.last(module.steps(x)[0][:, -1])


# === Inputs and outputs ===


def keras_of_two() -> Any:
    import keras

    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    first, second = keras.layers.Dense(4, name="first"), keras.layers.Dense(4, name="second")
    both = keras.ops.tanh(first(left) - second(right))
    return keras.Model(
        [left, right], [keras.layers.Dense(2, name="wide")(both), keras.layers.Dense(1, name="one")(both)]
    )


def layers_of_two(module: Any, nn: Any) -> None:
    module.first, module.second = nn.Linear(3, 4), nn.Linear(3, 4)
    module.wide, module.one = nn.Linear(4, 2), nn.Linear(4, 1)


def _outputs(module: Any, left: Any, right: Any) -> tuple[Any, Any]:
    both = (module.first(left) - module.second(right)).tanh()
    return module.wide(both), module.one(both)


def exchanged_inputs(module: Any, left: Any, right: Any) -> tuple[Any, Any]:
    return _outputs(module, right, left)


def exchanged_outputs(module: Any, left: Any, right: Any) -> tuple[Any, Any]:
    wide, one = _outputs(module, left, right)
    return one, wide


def of_two(forward: Callable[..., Any]) -> Pair:
    return Pair(keras_of_two, network(layers_of_two, forward), {"left": (3,), "right": (3,)})


# === Tied weights ===


def tied() -> Any:
    import keras

    class Tied(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.table = keras.layers.Embedding(7, 3, name="table")
            self.inner = keras.layers.Dense(3, activation="tanh", name="inner")

        def call(self, ids: Any) -> Any:
            return keras.ops.matmul(self.inner(self.table(ids)), keras.ops.transpose(self.table.embeddings))

    return Tied()


def untied_layers(module: Any, nn: Any) -> None:
    module.table, module.inner, module.head = nn.Embedding(7, 3), nn.Linear(3, 3), nn.Linear(3, 7, bias=False)


def untied(module: Any, ids: Any) -> Any:
    return module.head(module.inner(module.table(ids)).tanh())


# === Layers of torch's own ===


def keras_steps() -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((4, 3)),
            keras.layers.GRU(2, return_sequences=True, name="steps"),
            keras.layers.Dense(2, name="last"),
        ]
    )


def steps_first(module: Any, nn: Any) -> None:
    module.steps, module.last = nn.GRU(3, 2), nn.Linear(2, 2)


def all_steps(module: Any, x: Any) -> Any:
    return module.last(module.steps(x)[0])


def keras_block() -> Any:
    import keras
    from keras import layers

    x = keras.Input((3, 4))
    attended = layers.MultiHeadAttention(2, 2, name="self_attn")(x, x)
    y = layers.LayerNormalization(epsilon=1e-5, name="norm1")(x + attended)
    inner = layers.Dense(4, name="linear2")(layers.Dense(5, activation="relu", name="linear1")(y))
    return keras.Model(x, layers.LayerNormalization(epsilon=1e-5, name="norm2")(y + inner))


def block(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        return nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, batch_first=True, **settings)

    return build


# === Constants and widths ===


def keras_constants() -> Any:
    import keras

    x = keras.Input((4, 4, 2))
    scaled = keras.layers.Rescaling([0.5, 2.0], [0.1, -0.3], name="scaled")(x)
    return keras.Model(x, keras.layers.Conv2D(3, 2, name="first")(scaled))


def keras_padded() -> Any:
    import keras

    x = keras.Input((4, 4, 2))
    padded = keras.layers.ZeroPadding2D(((1, 0), (0, 2)), name="padded")(x)
    return keras.Model(x, keras.layers.Conv2D(3, 2, name="first")(padded))


def convolution(module: Any, nn: Any) -> None:
    module.first = nn.Conv2d(2, 3, 2)


def unscaled(module: Any, x: Any) -> Any:
    return module.first(x * 1.0)


def padded_by_rows(module: Any, x: Any) -> Any:
    from torch.nn import functional

    return module.first(functional.pad(x, (1, 0, 0, 2)))


# === What torch's own code computes ===

STEPS, WIDTH = 4, 3


def keras_gelu() -> Any:
    import keras

    x = keras.Input((5,))
    inner = keras.activations.gelu(keras.layers.Dense(4, name="first")(x), approximate=True)
    return keras.Model(x, keras.layers.Dense(3, name="last")(inner))


def few_digits(module: Any, nn: Any) -> None:
    """The square root of 2 / pi has 8 digits, inside a function of autograd's."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 0.5 * (1 + (0.79788456 * x * (1 + 0.044715 * x * x)).tanh())

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            tanh, slope = (0.79788456 * x * (1 + 0.044715 * x * x)).tanh(), 0.79788456 * (1 + 3 * 0.044715 * x * x)
            return gradient * 0.5 * (1 + tanh + x * (1 - tanh * tanh) * slope)

    class OwnGelu(nn.Module):
        def forward(self, x: Any) -> Any:
            return Function.apply(x)

    module.first, module.gelu, module.last = nn.Linear(5, 4), OwnGelu(), nn.Linear(4, 3)


def with_gelu(module: Any, x: Any) -> Any:
    return module.last(module.gelu(module.first(x)))


def keras_hidden() -> Any:
    import keras
    import numpy as np
    from keras import layers, ops

    class Attention(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.softmax = layers.Softmax()

        def call(self, query: Any, key: Any, value: Any) -> Any:
            before = np.tril(np.ones((1, STEPS, STEPS), bool))
            scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
            return ops.matmul(self.softmax(scores, mask=ops.broadcast_to(before, ops.shape(scores))), value)

    x = keras.Input((STEPS, WIDTH))
    parts = [layers.Dense(WIDTH, name=name)(x) for name in ("query", "key", "value")]
    return keras.Model(x, layers.Dense(2, name="last")(Attention(name="attention")(*parts)))


def attention_parts(module: Any, nn: Any) -> None:
    for name in ("query", "key", "value"):
        setattr(module, name, nn.Linear(WIDTH, WIDTH))
    module.last = nn.Linear(WIDTH, 2)


def hidden_by_the_smallest(module: Any, x: Any) -> Any:
    import torch

    scores = module.query(x) @ module.key(x).transpose(1, 2)
    later = torch.ones(STEPS, STEPS, dtype=torch.bool).triu(1)
    hidden = torch.zeros(STEPS, STEPS, dtype=x.dtype).masked_fill(later, torch.finfo(x.dtype).min)
    return module.last((scores + hidden).softmax(-1) @ module.value(x))


def keras_luong() -> Any:
    """Attention of Keras, which takes query, value and key in that order and scales nothing."""
    import keras
    from keras import layers

    x = keras.Input((STEPS, WIDTH))
    query, key, value = (layers.Dense(WIDTH, name=name)(x) for name in ("query", "key", "value"))
    return keras.Model(x, layers.Dense(2, name="last")(layers.Attention(name="attention")([query, value, key])))


def value_as_key(module: Any, x: Any) -> Any:
    scores = module.query(x) @ module.value(x).transpose(1, 2)
    return module.last(scores.softmax(-1) @ module.key(x))


def keras_sum() -> Any:
    import keras
    from keras import layers

    x = keras.Input((5,))
    both = layers.Add()([layers.Dense(4, name="first")(x), layers.Dense(4, activation="tanh", name="second")(x)])
    return keras.Model(x, layers.Dense(2, name="last")(both))


def two_layers(module: Any, nn: Any) -> None:
    module.first, module.second, module.last = nn.Linear(5, 4), nn.Linear(5, 4), nn.Linear(4, 2)


def product(module: Any, x: Any) -> Any:
    return module.last(module.first(x) * module.second(x).tanh())


def keras_other_axis() -> Any:
    import keras
    from keras import layers

    norm = layers.BatchNormalization(axis=1, momentum=0.9, epsilon=1e-5, name="norm")
    return keras.Sequential([keras.Input((4, 6, 2)), layers.Conv2D(4, (1, 3), name="conv"), norm])


def normalised(module: Any, nn: Any) -> None:
    module.conv, module.norm = nn.Conv2d(2, 4, (1, 3)), nn.BatchNorm2d(4)


def conv_and_norm(module: Any, x: Any) -> Any:
    return module.norm(module.conv(x))


VALUES = {
    "KEY_IN_PLACE_OF_VALUE": fault(
        Pair(keras_luong, network(attention_parts, value_as_key), (STEPS, WIDTH)), "forward", "exchanged layers",
        "is taken in each other's place",
    ),
    "PRODUCT_FOR_SUM": fault(
        Pair(keras_sum, network(two_layers, product), (5,)), "forward", "call",
        "Keras takes the sum of two values of which torch takes the product, in mul (call 1 of it)",
    ),
    "NORM_OF_ANOTHER_AXIS": Fault(
        Pair(keras_other_axis, network(normalised, conv_and_norm), (4, 6, 2)), "forward",
        ("'norm' normalises axis 1 in Keras and the channels in torch",), frozenset({"value"}), 2,
    ),
    "OWN_GELU": fault(
        Pair(keras_gelu, network(few_digits, with_gelu), (5,)), "forward", "layer",
        "'gelu' is gelu_tanh in Keras and OwnGelu() in torch",
    ),
    "HIDDEN_SCORES": fault(
        Pair(keras_hidden, network(attention_parts, hidden_by_the_smallest), (STEPS, WIDTH)), "range", "call",
        "has the score -1e+09 and then no share in Keras",
    ),
    "BOTH_ENDS": fault(
        Pair(KERAS_ENDS, network(recurrent_layers, last_step), (4, 3)), "forward", "sum",
        "the last step of the forward and the first of the backward direction", "of what 'steps' gives",
    ),
    "EXCHANGED_INPUTS": fault(
        of_two(exchanged_inputs), "forward", "order of values", "inputs are in another order", "as 1, 0"
    ),
    "EXCHANGED_OUTPUTS": fault(
        of_two(exchanged_outputs), "forward", "order of values", "outputs are in another order", "as 1, 0"
    ),
    "UNTIED": fault(
        Pair(tied, network(untied_layers, untied), {"ids": Input((4,), kind="tokens", size=7)}), "parameters", "tie",
        "'head.kernel' is a weight of its own in torch, and 'table.embeddings' in Keras",
    ),
    "EPSILON_OF_THE_PRECISION": fault(
        Pair(
            sequential(lambda k: k.Input((3,)), lambda k: k.Dense(4, name="first"),
                       lambda k: k.RMSNormalization(epsilon=1e-6, name="norm")),
            modules(first=lambda nn: nn.Linear(3, 4), norm=lambda nn: nn.RMSNorm(4)),
            (3,),
        ),
        "forward", "hyperparameter", "epsilon is 1e-06 in Keras and that of the precision",
    ),
    "STEPS_FIRST": fault(
        Pair(keras_steps, network(steps_first, all_steps), (4, 3)), "forward", "hyperparameter",
        "'steps' takes what it is given as (batch, steps, ...) in Keras and as (steps, batch, ...) in torch",
    ),
    "NORM_FIRST": fault(
        Pair(keras_block, block(norm_first=True), (3, 4)), "forward", "hyperparameter",
        "stand behind the sums in Keras and in front of attention and the dense layers in torch",
    ),
    "CONSTANTS": fault(
        Pair(keras_constants, network(convolution, unscaled), (4, 4, 2)), "forward", "value",
        "factors [0.5, 2.0] and offsets [0.1, -0.3]",
    ),
    "PADDED_AXES": fault(
        Pair(keras_padded, network(convolution, padded_by_rows), (4, 4, 2)), "forward", "argument",
        "computes pad (call 1 of it) with pad=(0, 2, 1, 0)",
    ),
}  # fmt: skip
