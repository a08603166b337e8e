"""Gradients that differ, where the forward pass does not."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import sequential
from tests.diagnosis.faults.fault import PLAIN, fault, frozen, penalty, plain
from twotrack import Input, Pair


def frozen_in_torch(name: str, build: Callable[[], Any]) -> Callable[[], Any]:
    def made() -> Any:
        module = build()
        module.get_submodule(name).requires_grad_(False)
        return module

    return made


def stopping() -> Any:
    """No gradient flows through the second layer's input."""
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    return keras.Model(x, keras.layers.Dense(3, name="last")(keras.ops.stop_gradient(first)))


def doubling() -> Any:
    """Twice the gradient flows through the second layer's input."""
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    doubled = 2 * first - keras.ops.stop_gradient(first)
    return keras.Model(x, keras.layers.Dense(3, name="last")(doubled))


def detached() -> Any:
    from torch import nn

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.first(x).tanh().detach())

    return Detached()


def tagger(padding: int | None) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Tagger(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.last = nn.Embedding(6, 4, padding_idx=padding), nn.Linear(4, 2)

            def forward(self, tokens):
                return self.last(self.table(tokens))

        return Tagger()

    return build


KERAS_TAGGER = sequential(
    lambda k: k.Input((7,), dtype="int32"), lambda k: k.Embedding(6, 4, name="table"), lambda k: k.Dense(2, name="last")
)


def sharing_a_path() -> Any:
    """Return a model with two kernels of one path: on PyTorch Keras sets the gradient of one of them to zero."""
    import keras
    from keras import layers

    class Held(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.inner = layers.Dense(4, use_bias=False, name="inner")
            self.inner.build((None, 4))

        def call(self, x: Any) -> Any:
            return self.inner(x)

    x = keras.Input((4,))
    return keras.Model(x, Held(name="last")(keras.ops.tanh(Held(name="first")(x))))


def held_twice() -> Any:
    from torch import nn

    class Held(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4, bias=False)

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = Held(), Held()

        def forward(self, x: Any) -> Any:
            return self.last(self.first(x).tanh())

    return Network()


GRADIENTS = {
    "SHARED_PATH": fault(
        Pair(sharing_a_path, held_twice, (4,)), "training", "gradient",
        "the gradient of 'first.inner.kernel' is never set to zero in Keras",
    ),
    "FROZEN_IN_KERAS": fault(
        Pair(frozen("first", PLAIN.keras), PLAIN.torch, (5,)), "gradients", "trained",
        "'first.kernel', 'first.bias' are trained in torch and not in Keras",
    ),
    "FROZEN_IN_TORCH": fault(
        Pair(PLAIN.keras, frozen_in_torch("first", PLAIN.torch), (5,)), "gradients", "trained",
        "'first.kernel', 'first.bias' are trained in Keras and not in torch",
    ),
    "STOPPED": fault(
        Pair(stopping, PLAIN.torch, (5,)), "gradients", "gradient",
        "no gradient reaches", "'first.kernel'", "in Keras",
    ),
    "SCALED": fault(
        Pair(doubling, PLAIN.torch, (5,)), "gradients", "gradient",
        "the gradient of 'first.kernel', 'first.bias' is 2 times as large in Keras as in torch",
    ),
    "DETACHED": fault(
        Pair(PLAIN.keras, detached, (5,)), "gradients", "call", "torch lets no gradient flow back", "'first.kernel'"
    ),
    "PADDING": fault(
        Pair(KERAS_TAGGER, tagger(2), Input((7,), kind="tokens", size=6), "cross_entropy"),
        "gradients", "hyperparameter", "torch does not train row 2 of 'table' (padding_idx)",
    ),
    "ACTIVITY": fault(
        plain(keras={"activity_regularizer": penalty("L2", 0.01)}), "gradients", "loss",
        "Keras adds 0.01 times the squares of what 'first' gives",
    ),
}  # fmt: skip
