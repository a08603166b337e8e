"""Recurrent layers of Keras, and the same written out step by step in torch, where their kernels are layers."""

from typing import Any

from twotrack import Pair

UNITS = 6


def keras_lstm() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((5, 7)), layers.LSTM(UNITS, name="lstm"), layers.Dense(3, name="out")])


def torch(order: tuple[int, ...] = (0, 1, 2, 3), features: int = 7) -> Any:
    """Return an LSTM; `order` says which of the four blocks is the gate input, forget, cell, output."""
    from torch import nn

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.x, self.h = nn.Linear(features, 4 * UNITS), nn.Linear(UNITS, 4 * UNITS, bias=False)
            self.out = nn.Linear(UNITS, 3)

        def forward(self, x: Any) -> Any:
            h = c = x.new_zeros(len(x), UNITS)
            for step in range(x.shape[1]):
                blocks = (self.x(x[:, step]) + self.h(h)).chunk(4, -1)
                i, f, g, o = (blocks[place] for place in order)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            return self.out(h)

    return Written()


def torch_with_other_gates() -> Any:
    return torch((0, 3, 2, 1))


HONEST = Pair(keras_lstm, torch, (5, 7))
OTHER_GATES = Pair(keras_lstm, torch_with_other_gates, (5, 7))
