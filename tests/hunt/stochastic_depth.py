"""Residual blocks whose inside is left out at random in training, in both frameworks."""

from collections.abc import Callable
from typing import Any

from tests.hunt.network import KerasMake, TorchMake, keras_layer

Shape = Callable[[Any], tuple]
"""Maps the size of a batch to the shape of what is drawn for it."""


def keras_depth(width: int, rate: float, shape: Shape) -> KerasMake:
    """Return what makes a residual block whose inside is dropped by draws of a shape."""

    def make(k: Any, n: str) -> Any:
        seed = k.random.SeedGenerator(1)

        def drop(x: Any, mode: bool) -> Any:
            if not mode:
                return x
            drawn = k.random.uniform(shape(k.ops.shape(x)[0]), dtype=x.dtype, seed=seed)
            return x * k.ops.cast(drawn >= rate, x.dtype) / (1 - rate)

        def call(x: Any) -> Any:
            y = k.layers.Dense(width, activation="tanh", name="inner")(x)
            return x + keras_layer(k, "drop", drop)(y)

        return call

    return make


def torch_depth(width: int, rate: float, shape: Shape) -> TorchMake:
    """Return what makes the same block of torch's."""

    def make(t: Any) -> Any:
        class Block(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = t.nn.Linear(width, width)

            def forward(self, x: Any) -> Any:
                y = self.inner(x).tanh()
                if self.training:
                    y = y * (t.rand(shape(len(x)), dtype=x.dtype) >= rate) / (1 - rate)
                return x + y

        return Block()

    return make
