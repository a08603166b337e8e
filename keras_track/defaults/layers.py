"""The remaining layers as Keras has them by default."""

import inspect

import numpy as np
from keras import layers

from twotrack.keras_track.defaults.common import apply, to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def resizing() -> Measured:
    """Resizing from 6 x 6 to 3 x 3, bilinear."""
    layer = layers.Resizing(3, 3)
    return Measured({"smooths before it shrinks": layer.antialias}, apply(layer, samples.IMAGE))


@DEFAULTS.measures
def dropout_rate() -> Measured:
    """Dropout must be told its rate."""
    default = inspect.signature(layers.Dropout).parameters["rate"].default
    return Measured({"default": "none" if default is inspect.Parameter.empty else default})


@DEFAULTS.measures
def dropout_masks() -> Measured:
    """Dropout on ones, with seed 0."""
    kept = apply(layers.Dropout(0.5, seed=0), np.ones(64, np.float32), training=True)
    return Measured({"what is kept, rate 0.5": kept.max()}, kept)


@DEFAULTS.measures
def fused_activation() -> Measured:
    """Dense takes one."""
    return Measured({"dense layer takes an activation": hasattr(layers.Dense(1), "activation")})


@DEFAULTS.measures
def layer_order() -> Measured:
    """ReLU and AveragePooling1D of two steps, and ReLU and Add."""
    relu, mean, steps = layers.ReLU(), layers.AveragePooling1D(2), np.array([[[-1.0], [1.0]]], "float32")
    one, less = np.ones((1, 1), "float32"), np.full((1, 1), -2.0, "float32")
    values = {
        "mean of relu of -1 and 1": mean(relu(steps)),
        "relu of their mean": relu(mean(steps)),
        "relu(1 - 2)": relu(layers.Add()([one, less])),
        "1 + relu(-2)": layers.Add()([one, relu(less)]),
    }
    return Measured({name: to_numpy(value).item() for name, value in values.items()})
