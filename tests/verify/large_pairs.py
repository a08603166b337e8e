"""A pair that the tests of large models take for one, honest and with one fault each."""

from collections.abc import Callable
from typing import Any

from twotrack import Input, Pair
from twotrack.shared.spec.optimizers import SGD, Adam

TOKENS, SIZE, WIDTH = 6, 40, 8


def network() -> Any:
    import keras

    tokens = keras.Input((TOKENS,), name="tokens", dtype="int32")
    x = keras.layers.Embedding(SIZE, WIDTH, name="table")(tokens)
    x = keras.layers.Dense(2 * WIDTH, activation="relu", name="wide")(x)
    x = keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.9, name="batch")(x)
    x = keras.layers.Dropout(0.25, name="dropped")(x)
    x = keras.layers.Dense(WIDTH, name="narrow")(x)
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return keras.Model(tokens, keras.layers.Dense(3, name="last")(keras.layers.GlobalAveragePooling1D()(x)))


def module(change: Callable[[Any], None] = lambda _: None) -> Any:
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm1d

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.wide = nn.Embedding(SIZE, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)
            self.batch, self.dropped = BatchNorm1d(2 * WIDTH, eps=1e-3, momentum=0.1), nn.Dropout(0.25)
            self.narrow, self.norm = nn.Linear(2 * WIDTH, WIDTH), nn.LayerNorm(WIDTH, eps=1e-6)
            self.last = nn.Linear(WIDTH, 3)
            change(self)

        def forward(self, tokens: Any) -> Any:
            x = self.batch(self.wide(self.table(tokens)).relu().transpose(1, 2)).transpose(1, 2)
            return self.last(self.norm(self.narrow(self.dropped(x))).mean(1))

    return Net()


def _scaled_gradient(net: Any) -> None:
    net.narrow.weight.register_hook(lambda gradient: 1.001 * gradient)


def _other_epsilon(net: Any) -> None:
    net.norm.eps = 1e-5


def _other_momentum(net: Any) -> None:
    net.batch.momentum = 0.01


def _other_rate(net: Any) -> None:
    net.dropped.p = 0.2


def _pair(change: Callable[[Any], None] = lambda _: None, **settings: Any) -> Pair:
    return Pair(
        keras=network,
        torch=lambda: module(change),
        input_shape={"tokens": Input((TOKENS,), kind="tokens", size=SIZE)},
        loss="cross_entropy",
        **{"optimizer": Adam(learning_rate=1e-3), "batch_size": 4, **settings},
    )


HONEST, ONE_EXAMPLE = _pair(), _pair(batch_size=1)
PLAIN = _pair(optimizer=SGD(learning_rate=1e-2))
GRADIENT, EPSILON, MOMENTUM, RATE = map(_pair, (_scaled_gradient, _other_epsilon, _other_momentum, _other_rate))
