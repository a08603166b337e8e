"""Learning-rate schedules as Keras has them by default."""

from itertools import pairwise

import keras
import numpy as np
from keras import layers, ops
from keras.optimizers import SGD, schedules

from twotrack.keras_track import optimizers
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, Exponential, OneCycle, Piecewise, Warm


def _float(tensor: object) -> float:
    return float(ops.convert_to_numpy(tensor))


@DEFAULTS.measures
def cosine_end() -> Measured:
    """CosineDecay over 10 steps, at step 15."""
    rate = _float(schedules.CosineDecay(1.0, 10)(15))
    return Measured({"rate at step 15 of 10": rate}, rate)


@DEFAULTS.measures
def schedule_steps() -> Measured:
    """Whether a step of the optimizer moves the schedule; aligned: the rates that three steps used."""
    optimizer = SGD(schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5))
    _used(optimizer, 2)
    recipe = Recipe(specs.SGD(1.0), OneCycle(0.3, 25.0, 100.0), batch_size=1, epochs=1)
    aligned = _used(optimizers.build(specs.SGD(1.0), recipe.learning_rates(3)), 3)
    return Measured({"moves with the optimizer": _float(optimizer.learning_rate) < 1.0}, aligned=aligned)


def _used(optimizer: keras.optimizers.Optimizer, steps: int) -> list[float]:
    """Return the rates that an optimizer uses, read from the steps of a weight with gradient 1."""
    variable, path = keras.Variable(np.zeros(1, np.float32)), [0.0]
    optimizer.build([variable])
    for _ in range(steps):
        optimizer.apply([ops.ones((1,))], [variable])
        path.append(float(ops.convert_to_numpy(variable)[0]))
    return [before - after for before, after in pairwise(path)]


@DEFAULTS.measures
def plateau() -> Measured:
    """ReduceLROnPlateau with patience 2: steps without improvement up to the fall; what counts as improvement."""
    callback = _plateau(patience=2)
    callback.on_epoch_end(0, {"val_loss": 1.0})
    steps = 0
    while _float(callback.model.optimizer.learning_rate) == 1.0:
        steps += 1
        callback.on_epoch_end(steps, {"val_loss": 1.0})
    fresh = _plateau()
    fresh.on_epoch_end(0, {"val_loss": 1000.0})
    fresh.on_epoch_end(1, {"val_loss": 999.95})
    return Measured({"bad epochs, patience 2": steps, "1000 to 999.95 is better": bool(fresh.best < 1000.0)})


def _plateau(**options: float) -> keras.callbacks.ReduceLROnPlateau:
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(**options)
    callback.set_model(model)
    callback.on_train_begin()
    return callback


@DEFAULTS.measures
def plateau_cooldown() -> Measured:
    """ReduceLROnPlateau with patience 1, which falls at the first bad epoch, and a loss that stays."""
    callback = _plateau(patience=1, factor=0.5, cooldown=3)
    falls, before = [], 1.0
    for epoch in range(12):
        callback.on_epoch_end(epoch, {"val_loss": 1.0})
        rate = _float(callback.model.optimizer.learning_rate)
        if rate < before:
            falls.append(epoch)
        before = rate
    return Measured({"epochs between falls, cooldown 3": falls[1] - falls[0]})


@DEFAULTS.measures
def piecewise_boundary() -> Measured:
    """PiecewiseConstantDecay with a boundary of 3; aligned: the rates of twotrack's."""
    schedule = schedules.PiecewiseConstantDecay([3], [1.0, 0.5])
    rates = [_float(schedule(step)) for step in range(6)]
    return Measured({"falls at step, told 3": rates.index(0.5)}, rates, Piecewise((3,), (1.0, 0.5)).factors(6))


@DEFAULTS.measures
def warm_up_start() -> Measured:
    """CosineDecay with a warm-up over five steps; aligned: a warm-up from 0."""
    schedule = schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=5)
    rates = [_float(schedule(step)) for step in range(5)]
    return Measured({"first rate of 5 up to 1": rates[0]}, rates, Warm(5, Constant()).factors(5))


@DEFAULTS.measures
def exponential_steps() -> Measured:
    """ExponentialDecay of 0.5 over four steps; aligned: the same."""
    schedule = schedules.ExponentialDecay(1.0, 4, 0.5)
    rates = [_float(schedule(step)) for step in range(4)]
    return Measured({"rate after 2 steps of 0.5": rates[2]}, rates, Exponential(0.5, every=4).factors(4))
