"""Keeps what a pass through a model, or a step without an update, changes, and gives it back."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from twotrack.shared.base.sizes import LARGE_MODEL


@contextmanager
def state_kept(model: keras.Model) -> Iterator[None]:
    """Give weights and running statistics their values back; of a large model only those that can move.

    Trained weights move where a constraint projects them, and where a layer normalises its own.
    """
    kept = model.weights if model.count_params() <= LARGE_MODEL else moving(model)
    before = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in kept]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def moving(model: keras.Model) -> list[keras.Variable]:
    """Return the variables that a pass, or a step without an update, can move.

    Those that are frozen are not among them: a layer made them for training.
    """
    layers = list(model._flatten_layers())
    trained = {id(variable) for layer in layers for variable in layer._trainable_variables}
    normalising = (layer for layer in layers if isinstance(layer, keras.layers.SpectralNormalization))
    own = {id(variable) for layer in normalising for variable in layer.weights}
    return [one for one in model.weights if id(one) not in trained or one.constraint is not None or id(one) in own]
