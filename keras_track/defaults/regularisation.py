"""What Keras holds to weights by default."""

import keras
import numpy as np
from keras import ops

from twotrack.keras_track.autodiff import value_and_gradients
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.keras_track.recording import as_array
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def weight_penalties() -> Measured:
    """The gradient of L2 at a weight of 1, and whether a layer that is given it holds its bias too."""
    penalty = keras.regularizers.L2(0.125)
    _, (gradient,) = value_and_gradients(lambda tensors: penalty(tensors[0]), [ops.ones((1,))])
    layer = keras.layers.Dense(1, kernel_regularizer=penalty)
    layer.build((None, 1))
    value = float(as_array(gradient)[0])
    values = {"gradient of a weight of 1, over c": value / 0.125, "biases too": layer.bias.regularizer is not None}
    return Measured(values, value)


@DEFAULTS.measures
def max_norm() -> Measured:
    """MaxNorm of columns, one within the limit and one beyond."""
    weight = samples.normal(4, 3).astype("float64")
    limit = float(np.median(np.linalg.norm(weight, axis=0)))
    found = ops.convert_to_numpy(keras.constraints.MaxNorm(limit)(ops.convert_to_tensor(weight, dtype="float64")))
    within = np.linalg.norm(weight, axis=0) < limit
    return Measured({"moves weights within the limit": not np.array_equal(found[:, within], weight[:, within])})


@DEFAULTS.measures
def activity_penalty() -> Measured:
    """activity_regularizer of a layer that gives what it is given."""
    given = samples.normal(4, 3)
    layer = keras.layers.Activation("linear", activity_regularizer=keras.regularizers.L2(1.0))
    layer(ops.convert_to_tensor(given))
    found = float(as_array(layer.losses[0]))
    return Measured({"is divided by the batch": bool(np.isclose(found, (given**2).sum() / len(given)))}, found)
