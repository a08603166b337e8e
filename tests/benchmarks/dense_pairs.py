"""Pairs of one shape with ten thousand to a hundred million weights, for the cost of a verification by size."""

from functools import partial
from typing import Any

from twotrack import Pair

LAYERS = 4


def keras_dense(width: int) -> Any:
    """Return dense layers of one width, with tanh between them."""
    import keras
    from keras import layers

    given = keras.Input((width,), name="input")
    x = given
    for number in range(LAYERS):
        x = layers.Dense(width, activation="tanh" if number < LAYERS - 1 else None, name=f"dense{number}")(x)
    return keras.Model(given, x)


def torch_dense(width: int) -> Any:
    """Return the same in torch."""
    from torch import nn

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for number in range(LAYERS):
                setattr(self, f"dense{number}", nn.Linear(width, width))

        def forward(self, x: Any) -> Any:
            for number in range(LAYERS - 1):
                x = getattr(self, f"dense{number}")(x).tanh()
            return getattr(self, f"dense{LAYERS - 1}")(x)

    return Dense()


def dense(width: int) -> Pair:
    """Return the pair."""
    return Pair(keras=partial(keras_dense, width), torch=partial(torch_dense, width), input_shape=(width,))


def parameters(width: int) -> int:
    """Return how many weights each side has."""
    return LAYERS * (width * width + width)


WIDTHS = {"W1E4": 50, "W1E5": 158, "W1E6": 500, "W1E7": 1581, "W1E8": 5000}
"""By name: the exponent is that of the weights, about."""
W1E4, W1E5, W1E6, W1E7, W1E8 = (dense(width) for width in WIDTHS.values())
