"""Pairs of Keras models alone: one on two backends, and two build functions. No torch is needed for any of them."""

from typing import Any

import keras
from keras import layers

from twotrack import Pair

SHAPE = (6, 6, 2)


def network(epsilon: float = 1e-3, names: tuple[str, str] = ("stem", "head"), filters: int = 4) -> keras.Model:
    stem, head = names
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{stem}_conv")(inputs)
    x = layers.BatchNormalization(epsilon=epsilon, name=f"{stem}_norm")(x)
    x = layers.ReLU(name=f"{stem}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.25, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(3, name=head)(x))


def before() -> keras.Model:
    return network()


def other_epsilon() -> keras.Model:
    return network(1e-5)


def renamed() -> keras.Model:
    return network(names=("entry", "logits"))


def _pair(build: Any, **settings: Any) -> Pair:
    return Pair(keras=build, input_shape=SHAPE, loss="cross_entropy", **settings)


def small() -> keras.Model:
    inputs = keras.Input((4,))
    x = layers.LayerNormalization(epsilon=1e-3, name="norm")(layers.Dense(3, activation="relu", name="hidden")(inputs))
    return keras.Model(inputs, layers.Dense(2, name="head")(layers.Dropout(0.25, name="dropout")(x)))


ALONE = Pair(keras=small, input_shape=(4,), loss="cross_entropy")
EPSILON = _pair((before, other_epsilon))
RENAMED = _pair(
    (before, renamed),
    rename={
        "stem_conv": "entry_conv",
        "stem_norm": "entry_norm",
        "head": "logits",
    },
)


def by_backend() -> keras.Model:
    """Another model on each backend: a fault."""
    return network(1e-3 if keras.backend.backend() == "torch" else 1e-2)


DIFFERS = _pair(by_backend)
