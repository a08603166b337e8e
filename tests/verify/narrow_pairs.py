"""Batch normalisation of what lies closely around 1, so that float32 has none of its digits."""

from functools import partial

from twotrack import SGD, Pair

SPREAD, EPSILON = 1e-3, 1e-12


def keras_narrow():
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, name="hidden"),
            layers.Rescaling(SPREAD, offset=1.0, name="narrow"),
            layers.BatchNormalization(momentum=0.9, epsilon=EPSILON, name="norm"),
            layers.ReLU(name="relu"),
            layers.Dense(3, name="logits"),
        ]
    )


def torch_narrow(epsilon: float = EPSILON):
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm1d

    class Narrow(nn.Module):
        def forward(self, x):
            return x * SPREAD + 1.0

    net = nn.Sequential()
    net.add_module("hidden", nn.Linear(8, 8))
    net.add_module("narrow", Narrow())
    net.add_module("norm", BatchNorm1d(8, eps=epsilon, momentum=0.1))
    net.add_module("relu", nn.ReLU())
    net.add_module("logits", nn.Linear(8, 3))
    return net


def _pair(**changes: float) -> Pair:
    return Pair(keras_narrow, partial(torch_narrow, **changes), (8,), "cross_entropy", SGD(0.01), batch_size=6)


NARROW = _pair()
OTHER_EPSILON = _pair(epsilon=2 * EPSILON)
