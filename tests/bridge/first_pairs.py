"""Pairs whose Keras side has its channels first too, or moves them there in front of a Flatten."""

from functools import partial
from typing import Any

from twotrack import Input, Pair

IMAGE = Input((3, 4, 6), torch_axes=(0, 1, 2, 3))
"""Both sides get it channels first."""
KINDS = ("map", "flat", "own_flat", "gated", "joined")


def keras_network(kind: str) -> Any:
    """Return the Keras side."""
    import keras
    from keras import layers

    first = {"data_format": "channels_first"}
    image = keras.Input((3, 4, 6))
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="conv", **first)(image)
    x = layers.BatchNormalization(axis=1, epsilon=1e-5, momentum=0.9, name="norm")(x)
    if kind == "map":
        return keras.Model(image, x)
    if kind == "gated":
        gate = layers.GlobalAveragePooling2D(name="squeeze", **first)(x)
        gate = layers.Reshape((5, 1, 1), name="spread")(layers.Dense(5, activation="sigmoid", name="excite")(gate))
        x = layers.Multiply(name="gate")([gate, x])
    if kind == "joined":
        x = layers.Concatenate(axis=1, name="join")([x, layers.Conv2D(2, 1, name="side", **first)(image)])
    x = layers.MaxPooling2D(2, name="pool", **first)(x)
    x = layers.Flatten(name="flatten", **(first if kind == "own_flat" else {}))(x)
    return keras.Model(image, layers.Dense(2, name="dense")(x))


def torch_network(kind: str) -> Any:
    """Return the torch side."""
    import torch
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm2d

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 5, 3, padding=1), BatchNorm2d(5)
            if kind == "gated":
                self.excite = nn.Linear(5, 5)
            if kind == "joined":
                self.side = nn.Conv2d(3, 2, 1)
            if kind != "map":
                self.pool, self.dense = nn.MaxPool2d(2), nn.Linear(42 if kind == "joined" else 30, 2)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = self.norm(self.conv(image).relu())
            if kind == "map":
                return x
            if kind == "gated":
                x = self.excite(x.mean((2, 3))).sigmoid()[..., None, None] * x
            if kind == "joined":
                x = torch.cat([x, self.side(image)], 1)
            return self.dense(self.pool(x).flatten(1))

    return Network()


def pair(kind: str) -> Pair:
    """Return both sides."""
    return Pair(partial(keras_network, kind), partial(torch_network, kind), IMAGE, "mean_squared_error")


MAP, FLAT, OWN_FLAT, GATED, JOINED = (pair(kind) for kind in KINDS)


def permuted(turned: bool) -> Pair:
    """Return a Keras side that counts channels, rows, columns as torch does; or, turned, channels, columns, rows."""

    def build() -> Any:
        import keras
        from keras import layers

        return keras.Sequential(
            [
                keras.Input((4, 6, 3)),
                layers.Conv2D(5, 3, padding="same", name="conv"),
                layers.Permute((3, 2, 1) if turned else (3, 1, 2), name="permute"),
                layers.Flatten(name="flatten"),
                layers.Dense(2, name="dense"),
            ]
        )

    def build_torch() -> Any:
        from collections import OrderedDict

        from torch import nn

        steps = {"conv": nn.Conv2d(3, 5, 3, padding=1), "flatten": nn.Flatten(), "dense": nn.Linear(120, 2)}
        return nn.Sequential(OrderedDict(steps))

    return Pair(build, build_torch, (4, 6, 3), "mean_squared_error")


PERMUTED, TURNED = permuted(False), permuted(True)
