"""Pairs with a layer that makes something else of its weights where they are far larger or smaller than drawn ones."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.verify.range_networks import Piece, between
from twotrack import Input, Pair

OfKernel = Callable[[Any, Any], Any]
"""Maps keras.ops or torch, and a kernel, to what the layer multiplies by."""


def _keras_dense(function: OfKernel) -> Piece:
    def make(keras: Any) -> Any:
        class Own(keras.layers.Dense):
            def call(self, x: Any) -> Any:
                return keras.ops.matmul(x, function(keras.ops, self._kernel)) + self.bias

        return Own(6, name="middle")

    return make


def _torch_dense(function: OfKernel) -> Piece:
    def make(torch: Any) -> Any:
        class Own(torch.nn.Linear):
            def forward(self, x: Any) -> Any:
                return torch.nn.functional.linear(x, function(torch, self.weight), self.bias)

        return Own(6, 6)

    return make


def _as_it_is(framework: Any, kernel: Any) -> Any:
    return kernel


def kernel_clip(bound: str, other: str = "") -> Pair:
    """A kernel is clipped at a bound, on one side or on both."""
    high = float(bound)
    keras = _keras_dense((lambda ops, kernel: ops.clip(kernel, -high, high)) if other else _as_it_is)
    return between(keras, _torch_dense(lambda t, kernel: kernel.clamp(-high, high)))


def kernel_norm(epsilon: str, other: str) -> Pair:
    """A kernel is divided by its norm, with an epsilon that no ordinary norm shows."""
    return between(
        _keras_dense(lambda ops, kernel: kernel / ops.sqrt(ops.sum(kernel * kernel) + float(epsilon))),
        _torch_dense(lambda t, kernel: kernel / (kernel.square().sum() + float(other)).sqrt()),
    )


def row_norm(norm: str) -> Pair:
    """Rows of a table are shortened to a norm on one side, where they are read."""
    return Pair(_keras_table, partial(_torch_table, float(norm)), Input((5,), kind="tokens", size=20))


def _keras_table() -> Any:
    import keras
    from keras import layers

    given = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 4, name="embedding")(given)
    return keras.Model(given, layers.Dense(3, name="last")(layers.GlobalAveragePooling1D(name="mean")(x)))


def _torch_table(norm: float) -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.last = nn.Embedding(20, 4, max_norm=norm), nn.Linear(4, 3)

        def forward(self, tokens: Any) -> Any:
            return self.last(self.embedding(tokens).mean(1))

    return Network()
