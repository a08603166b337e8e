"""Clipping as Keras has it by default, of given gradients."""

from math import sqrt

import keras
import numpy as np
from keras import ops
from keras import optimizers as optim

from twotrack.keras_track import optimizers
from twotrack.keras_track.defaults.common import to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.update_options import ClipGlobalNorm


@DEFAULTS.measures
def clipping() -> Measured:
    """Joint norm of two gradients of norm 1 after clipnorm=1; aligned: after global_clipnorm=1."""
    each, together = _clipped(clipnorm=1.0), _clipped(global_clipnorm=1.0)
    return Measured({"norm of both after clipping to 1": each}, each, together)


def _clipped(**options: float) -> float:
    variables = [keras.Variable(np.zeros(1, np.float32)) for _ in range(2)]
    optimizer = optim.SGD(1.0, **options)
    optimizer.build(variables)
    optimizer.apply([ops.ones((1,)), ops.ones((1,))], variables)
    return sqrt(sum(float(to_numpy(variable)[0]) ** 2 for variable in variables))


@DEFAULTS.measures
def clipping_epsilon() -> Measured:
    """A gradient as small as the limit and as torch's epsilon; aligned: without epsilon."""
    clipped = _moved(optim.SGD(1.0, global_clipnorm=1e-6), 0.0, 1e-6)
    aligned = _moved(optimizers.build(specs.SGD(1.0, clip=ClipGlobalNorm(1e-6)), [1.0]), 0.0, 1e-6)
    return Measured({"gradient of 1e-6 after clipping to 1e-6": clipped}, clipped / 1e-6, aligned / 1e-6)


def _moved(optimizer: optim.Optimizer, weight: float, gradient: float) -> float:
    """Return how far a weight moves down in a step."""
    variable = keras.Variable(np.full(1, weight, np.float32))
    optimizer.build([variable])
    optimizer.apply([ops.convert_to_tensor(np.full(1, gradient, np.float32))], [variable])
    return weight - float(to_numpy(variable)[0])


@DEFAULTS.measures
def clipping_and_decay() -> Measured:
    """Whether a weight of 100 with a decay of 1, or a penalty as strong, moves by more than the limit."""
    decayed = _moved(optim.SGD(0.1, weight_decay=1.0, clipnorm=1.0), 100.0, 1.0)
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.5))
    model = keras.Sequential([keras.Input((1,)), layer])
    layer.kernel.assign(np.full((1, 1), 100.0, np.float32))
    model.compile(optim.SGD(0.1, clipnorm=1.0), "mse")
    model.train_on_batch(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))
    penalised = 100.0 - float(to_numpy(layer.kernel)[0, 0])
    return Measured({"decay is clipped": decayed < 1.0, "penalty is clipped": penalised < 1.0})
