"""What Keras' optimizers remember, and what of it their files hold."""

import json
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, optimizers

from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.keras_track.recording import as_array
from twotrack.shared.ledger.measured import Measured


def _weight() -> keras.Variable:
    return keras.Variable(np.zeros(1), dtype="float64")


def _built(optimizer: optimizers.Optimizer, count: int = 1) -> list[keras.Variable]:
    variables = [_weight() for _ in range(count)]
    optimizer.build(variables)
    return variables


def _step(optimizer: optimizers.Optimizer, gradients: Sequence[float], variables: list[keras.Variable]) -> None:
    optimizer.apply([keras.ops.full((1,), gradient, "float64") for gradient in gradients], variables)


def _value(variable: keras.Variable) -> float:
    return float(as_array(variable).reshape(-1)[0])


@DEFAULTS.measures
def state_begins() -> Measured:
    """Arrays of the variable's shape that a built Adam holds before its first step."""
    optimizer = optimizers.Adam()
    _built(optimizer)
    return Measured({"arrays before the first step": sum(tuple(one.shape) == (1,) for one in optimizer.variables)})


@DEFAULTS.measures
def update_count() -> Measured:
    """Adam's count where a variable is updated from the second step on."""
    optimizer = optimizers.Adam(1.0)
    variables = _built(optimizer, 2)
    _step(optimizer, [1.0], variables[:1])
    _step(optimizer, [1.0, 1.0], variables)
    return Measured({"count of a weight without a gradient in step 1 of 2": int(optimizer.iterations)})


@DEFAULTS.measures
def velocity_form() -> Measured:
    """The momentum of SGD."""
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    _step(optimizer, [1.0], _built(optimizer))
    kept = round(_value(optimizer.momentums[0]), 6)  # the rate is a float32
    return Measured({"after a gradient of 1 at a rate of 0.1": kept})


@DEFAULTS.measures
def rmsprop_step_form() -> Measured:
    """The momentum of RMSprop at two learning rates."""
    kept = []
    for rate in (0.1, 0.2):
        optimizer = optimizers.RMSprop(rate, momentum=0.9)
        _step(optimizer, [1.0], _built(optimizer))
        kept.append(_value(optimizer._momentums[0]))
    return Measured({"remembered at a rate of 0.1, over 0.2": kept[0] / kept[1]})


@DEFAULTS.measures
def schedule_place() -> Measured:
    """Whether an optimizer that loads the variables of another one goes on with that one's rates."""
    schedule = optimizers.schedules.ExponentialDecay(1.0, 3, 0.5, staircase=True)
    first, second = optimizers.SGD(schedule), optimizers.SGD(schedule)
    variables = _built(first)
    for _ in range(3):
        _step(first, [1.0], variables)
    _built(second)
    for one, other in zip(second.variables, first.variables, strict=True):
        one.assign(other)
    same = float(second.learning_rate) == float(first.learning_rate) == 0.5
    return Measured({"optimizer's own state tells the rate to come": same})


def _compiled(optimizer: optimizers.Optimizer) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, name="only")])
    model.compile(optimizer, "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@DEFAULTS.measures
def optimizer_class_in_files() -> Measured:
    """Whether a .keras file names the class of its optimizer, and weights beside what is remembered of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        _compiled(optimizers.Adam()).save(path)
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("config.json"))["compile_config"]["optimizer"]
    return Measured({"names the class": told["class_name"] == "Adam", "names the weights": "only" in str(told)})


@DEFAULTS.measures
def wrong_state_loaded() -> Measured:
    """Whether a model compiled with SGD refuses the file of one compiled with Adam."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "model.weights.h5")
        _compiled(optimizers.Adam()).save_weights(path)
        try:
            _compiled(optimizers.SGD(momentum=0.9)).load_weights(path)
        except ValueError:
            return Measured({"of Adam into SGD is refused": True})
    return Measured({"of Adam into SGD is refused": False})
