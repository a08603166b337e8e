"""Networks of two layers with weights and a piece between them, which each side has in a form of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twotrack import Pair

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
