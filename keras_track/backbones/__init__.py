"""Pretrained image networks in Keras 3: images (batch, height, width, 3), normalised, to features (batch, size)."""

import importlib
from collections.abc import Callable
from typing import Any

import keras

from twotrack.shared.weights.pretrained.backbones import FAMILIES
from twotrack.shared.weights.pretrained.backbones.spec import Backbone


def build(backbone: Backbone, num_classes: int = 0) -> keras.Model:
    """Return the network as a model called `base`, with random weights.

    With `num_classes` the published classifier stands behind the features, and the outputs are its logits.
    """
    return importlib.import_module(f"{__name__}.{FAMILIES[backbone.name]}").build(backbone.architecture, num_classes)


def block(name: str, compute: Callable[[Any], Any], x: Any) -> Any:
    """Return compute(x) as a model called `name` inside the network, so that its layers' paths begin with it."""
    inputs = keras.Input(x.shape[1:])
    # Keras on torch keeps one of several variables with the same path: the gradients of the others would add up.
    with keras.name_scope(name):
        outputs = compute(inputs)
    return keras.Model(inputs, outputs, name=name)(x)
