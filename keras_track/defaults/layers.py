"""The remaining layers as Keras has them by default."""

import inspect

import numpy as np
from keras import layers

from twotrack.keras_track.defaults.common import apply
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
