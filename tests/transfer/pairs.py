"""A small network of two parts, base and head, in both frameworks, to be trained in part."""

from dataclasses import replace
from typing import Any

from twotrack import Pair
from twotrack.shared.spec.optimizers import AdamW

SIZE, CLASSES = 6, 3


def build_keras() -> Any:
    import keras
    from keras import layers

    images = keras.Input((SIZE, SIZE, 2))
    x = layers.Conv2D(4, 3, name="conv1")(images)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="norm1")(x)
    x = layers.Conv2D(4, 3, name="conv2")(layers.ReLU(name="act1")(x))
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="norm2")(x)
    base = keras.Model(images, layers.GlobalAveragePooling2D(name="mean")(x), name="base")
    head = keras.Sequential([keras.Input((4,)), layers.Dense(CLASSES, name="logits")], name="head")
    inputs = keras.Input((SIZE, SIZE, 2))
    return keras.Model(inputs, head(base(inputs)))


def build_torch() -> Any:
    from collections import OrderedDict

    from torch import nn

    from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d

    base = OrderedDict(
        conv1=nn.Conv2d(2, 4, 3),
        norm1=BatchNorm2d(4, eps=1e-3, momentum=0.1),
        act1=nn.ReLU(),
        conv2=nn.Conv2d(4, 4, 3),
        norm2=BatchNorm2d(4, eps=1e-3, momentum=0.1),
        mean=GlobalAveragePooling2d(),
    )
    head = nn.Sequential(OrderedDict(logits=nn.Linear(4, CLASSES)))
    return nn.Sequential(OrderedDict(base=nn.Sequential(base), head=head))


def build_frozen_torch() -> Any:
    """Return a module whose author froze a layer, perhaps to write to its parameters in a pass."""
    network = build_torch()
    network.base.conv1.requires_grad_(False)
    return network


ALL = Pair(build_keras, build_torch, (SIZE, SIZE, 2), "cross_entropy", AdamW(1e-2, weight_decay=0.1))
HEAD = replace(ALL, trainable=("head.",))
LAST_BLOCK = replace(ALL, trainable=("head.", "base.conv2.", "base.norm2."))
FROZEN_BY_ITS_AUTHOR = replace(HEAD, torch=build_frozen_torch)
