"""Optimizers as Keras has them by default, on three weights and given gradients."""

import inspect
from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import layers, ops
from keras import optimizers as optim

from twotrack.keras_track import optimizers
from twotrack.keras_track.defaults.common import layers_of, to_numpy
from twotrack.keras_track.defaults.registry import DEFAULTS, OPTIMIZERS
from twotrack.keras_track.update_options import averaged
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.update_options import EMA

_ZERO, _ONE = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)


def _run(optimizer: optim.Optimizer, gradients: Iterable[np.ndarray]) -> np.ndarray:
    """Return the weights after a step for every gradient."""
    variable = keras.Variable(samples.WEIGHTS)
    optimizer.build([variable])
    return _steps(optimizer, variable, gradients)


def _run_shared(spec: specs.Optimizer, gradients: np.ndarray, rates: list[float] | None = None) -> np.ndarray:
    """Return the weights after steps of the optimizer that the aligned profile has for a shared spec."""
    return _run(optimizers.build(spec, rates or [spec.learning_rate] * len(gradients)), gradients)


def _steps(optimizer: optim.Optimizer, variable: keras.Variable, gradients: Iterable[np.ndarray]) -> np.ndarray:
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(np.array(gradient))], [variable])
    return to_numpy(variable)


def _rate(optimizer: optim.Optimizer) -> float:
    return float(ops.convert_to_numpy(optimizer.learning_rate))


def _moved(after: np.ndarray) -> float:
    """Return how far the first weight moved down."""
    return float(samples.WEIGHTS[0] - after[0])


@DEFAULTS.measures
def learning_rate() -> Measured:
    """SGD, Adam and AdamW; one step of SGD."""
    values = {make.__name__: _rate(make()) for make in (optim.SGD, optim.Adam, optim.AdamW)}
    return Measured(values, _run(optim.SGD(), _ONE), _run_shared(specs.SGD(0.01), _ONE))


@DEFAULTS.measures
def momentum() -> Measured:
    """SGD and RMSprop."""
    values = {make.__name__: make().momentum for make in (optim.SGD, optim.RMSprop)}
    return Measured(values, _run(optim.SGD(0.01), samples.GRADIENTS))


@DEFAULTS.measures
def adam_epsilon() -> Measured:
    """Adam with gradients near 1e-7."""
    gradients = samples.GRADIENTS * np.float32(1e-7)
    aligned = _run_shared(specs.Adam(1e-3), gradients)
    return Measured({"epsilon": optim.Adam().epsilon}, _run(optim.Adam(), gradients), aligned)


@DEFAULTS.measures
def adam_epsilon_place() -> Measured:
    """Adam with an epsilon of 1e-7: its first step for a gradient as large, and 20 steps."""
    tiny, gradients = _ONE * np.float32(1e-7), samples.GRADIENTS * np.float32(1e-7)
    step = _moved(_run(optim.Adam(1e-3, epsilon=1e-7), tiny)) / 1e-3
    aligned = _run_shared(specs.Adam(1e-3, epsilon=1e-7), gradients)
    return Measured({"step over rate at g = epsilon": step}, _run(optim.Adam(1e-3, epsilon=1e-7), gradients), aligned)


@DEFAULTS.measures
def rmsprop_epsilon() -> Measured:
    """RMSprop's epsilon, and whether a root is taken of it: then a gradient of 1e-7 hardly moves."""
    gradients = samples.GRADIENTS * np.float32(1e-4)
    tiny = _moved(_run(optim.RMSprop(1e-3, epsilon=1e-7), _ONE * np.float32(1e-7))) / 1e-3
    values = {"epsilon": optim.RMSprop().epsilon, "inside the root": tiny < 0.1}
    return Measured(values, _run(optim.RMSprop(1e-3), gradients), _run_shared(specs.RMSprop(1e-3), gradients))


@DEFAULTS.measures
def rmsprop_defaults() -> Measured:
    """RMSprop's learning rate and rho."""
    optimizer = optim.RMSprop()
    values = {"learning rate": _rate(optimizer), "rho": optimizer.rho}
    aligned = _run_shared(specs.RMSprop(1e-3), samples.GRADIENTS)
    return Measured(values, _run(optimizer, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adagrad_defaults() -> Measured:
    """Adagrad's learning rate, start and epsilon."""
    optimizer = optim.Adagrad()
    values = {
        "learning rate": _rate(optimizer),
        "start of the sum": optimizer.initial_accumulator_value,
        "epsilon": optimizer.epsilon,
    }
    bare = optim.Adagrad(1e-3, initial_accumulator_value=0.0, epsilon=1e-7)
    tiny = _moved(_run(bare, _ONE * np.float32(1e-7))) / 1e-3
    aligned = _run_shared(specs.Adagrad(0.01), samples.GRADIENTS)
    return Measured(values | {"inside the root": tiny < 0.1}, _run(optimizer, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adadelta_defaults() -> Measured:
    """Adadelta's learning rate, rho and epsilon."""
    optimizer = optim.Adadelta()
    values = {"learning rate": _rate(optimizer), "rho": optimizer.rho, "epsilon": optimizer.epsilon}
    aligned = _run_shared(specs.Adadelta(1.0), samples.GRADIENTS)
    return Measured(values, _run(optimizer, samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adamax_and_nadam() -> Measured:
    """Learning rates of Adamax and Nadam."""
    values = {make.__name__: _rate(make()) for make in (optim.Adamax, optim.Nadam)}
    aligned = [_run_shared(make(1e-3), samples.GRADIENTS) for make in (specs.Adamax, specs.Nadam)]
    return Measured(values, [_run(make(), samples.GRADIENTS) for make in (optim.Adamax, optim.Nadam)], aligned)


@DEFAULTS.measures
def nadam_schedule() -> Measured:
    """Nadam at one learning rate: 20 steps, and the first for a gradient of 1."""
    step = _moved(_run(optim.Nadam(1e-3), _ONE)) / 1e-3
    aligned = _run_shared(specs.Nadam(1e-3), samples.GRADIENTS)
    return Measured({"first step over rate": step}, _run(optim.Nadam(1e-3), samples.GRADIENTS), aligned)


@DEFAULTS.measures
def muon_decay() -> Measured:
    """Muon's weight decay."""
    optimizer = optim.Muon()
    return Measured({"weight decay": optimizer.weight_decay, "learning rate": _rate(optimizer)})


@DEFAULTS.measures
def lion() -> Measured:
    """Lion's hyperparameters."""
    optimizer = optim.Lion()
    values = {"exists": True, "learning rate": _rate(optimizer), "beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2}
    return Measured(values, aligned=_run_shared(specs.Lion(1e-3, weight_decay=0.1), samples.GRADIENTS))


@DEFAULTS.measures
def sophia() -> Measured:
    """Keras has none; the aligned profile has its own, here without estimates."""
    aligned = _run_shared(specs.Sophia(1e-3), samples.GRADIENTS)
    return Measured({"exists": any("sophia" in name.lower() for name in dir(optim))}, aligned=aligned)


@DEFAULTS.measures
def weight_decay() -> Measured:
    """What a decay of 0.1 takes from a weight without a gradient, over rate * decay * weight."""
    makes = {"Adam": optim.Adam, "RMSprop": optim.RMSprop, "AdamW": optim.AdamW}
    values = {name: _moved(_run(make(1e-3, weight_decay=0.1), _ZERO)) / 1e-4 for name, make in makes.items()}
    default = _run(optim.Adam(1e-3, weight_decay=0.1), samples.GRADIENTS)
    return Measured(values, default, _run_shared(specs.Adam(1e-3, weight_decay=0.1), samples.GRADIENTS))


@DEFAULTS.measures
def weight_decay_size() -> Measured:
    """AdamW's decay."""
    aligned = _run_shared(specs.AdamW(1e-3, weight_decay=0.01), samples.GRADIENTS)
    return Measured({"AdamW": optim.AdamW().weight_decay}, _run(optim.AdamW(), samples.GRADIENTS), aligned)


@DEFAULTS.measures
def decay_exclusion() -> Measured:
    """Which weights of a layer called norm, all without a gradient, decay."""
    return Measured(
        {
            "biases decay": "beta" in _decayed([]),
            "'gamma' excludes norm/gamma": "gamma" not in _decayed(["gamma"]),
            "'norm' excludes norm/gamma": "gamma" not in _decayed(["norm"]),
        }
    )


def _decayed(excluded: Sequence[str]) -> set[str]:
    """Return the names of the weights that AdamW changes."""
    layer = layers.LayerNormalization(name="norm", beta_initializer="ones")
    layer.build((None, 2))
    optimizer = optim.AdamW(1e-3, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=list(excluded))
    optimizer.build(layer.trainable_variables)
    optimizer.apply([ops.zeros((2,)), ops.zeros((2,))], layer.trainable_variables)
    return {variable.name for variable in layer.trainable_variables if (to_numpy(variable) < 1).all()}


@DEFAULTS.measures
def momentum_under_schedule() -> Measured:
    """SGD with momentum 0.9: the first step at a tenth of the rate, without a gradient, over the step before."""
    rates, gradients = [0.1] * 5 + [0.01], np.array([np.ones(3)] * 5 + [np.zeros(3)], np.float32)
    path = [_scheduled(rates[:steps], gradients) for steps in (4, 5, 6)]
    ratio = (path[2] - path[1])[0] / (path[1] - path[0])[0]
    aligned = _run_shared(specs.SGD(0.1, momentum=0.9), gradients, rates)
    return Measured({"step over the one before": ratio}, path[2], aligned)


def _scheduled(rates: list[float], gradients: np.ndarray) -> np.ndarray:
    variable, optimizer = keras.Variable(samples.WEIGHTS), optim.SGD(rates[0], momentum=0.9)
    optimizer.build([variable])
    for rate, gradient in zip(rates, gradients, strict=False):
        optimizer.learning_rate = rate
        _steps(optimizer, variable, [gradient])
    return to_numpy(variable)


@DEFAULTS.measures
def sparse_embedding_gradients() -> Measured:
    """Adam's first step of a row that was looked up twice, over the learning rate; TensorFlow alone lists both."""
    import tensorflow

    def step(optimizer: optim.Optimizer) -> float:
        table = keras.Variable(np.ones((3, 1), np.float32))
        optimizer.build([table])
        twice = tensorflow.IndexedSlices(tensorflow.ones((2, 1)), tensorflow.constant([0, 0]), (3, 1))
        optimizer.apply([twice], [table])
        return float((1 - to_numpy(table)[0, 0]) / 1e-3)

    default = step(optim.Adam(1e-3))
    return Measured({"first step over rate": default}, default, step(optimizers.build(specs.Adam(1e-3), [1e-3])))


@OPTIMIZERS.switches(sparse_embedding_gradients)
def switch_sparse_embedding_gradients(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> bool:
    """Let the optimizer see an embedding's gradients as TensorFlow lists them, and not made dense."""
    if not layers_of(model, layers.Embedding) or "apply" not in vars(optimizer):
        return False
    del optimizer.apply  # that of keras_track/optimizers.py; the class has Keras' own
    return True


@DEFAULTS.measures
def adamax_epsilon() -> Measured:
    """Adamax with gradients near 1e-7; the norm behind gradients of 1 and 1e-3, epsilon 0.1."""
    variable, optimizer = (
        keras.Variable(np.zeros(1, np.float32)),
        optim.Adamax(1.0, beta_1=0.0, beta_2=0.5, epsilon=0.1),
    )
    optimizer.build([variable])
    before = _steps(optimizer, variable, np.ones((1, 1), np.float32))[0]
    after = _steps(optimizer, variable, np.full((1, 1), 1e-3, np.float32))[0]
    gradients = samples.GRADIENTS * np.float32(1e-7)
    label = "norm behind gradients of 1 and 1e-3, epsilon 0.1"
    values = {"epsilon": optim.Adamax().epsilon, label: float(1e-3 / (before - after))}
    return Measured(values, _run(optim.Adamax(1e-3), gradients), _run_shared(specs.Adamax(1e-3), gradients))


@DEFAULTS.measures
def sgd_dampening() -> Measured:
    """Keras has none; the aligned profile has."""
    aligned = _run_shared(specs.SGD(0.01, momentum=0.9, dampening=0.3), samples.GRADIENTS)
    return Measured({"exists": hasattr(optim.SGD(), "dampening")}, aligned=aligned)


@DEFAULTS.measures
def lamb() -> Measured:
    """Lamb's hyperparameters."""
    optimizer = optim.Lamb()
    values = {"exists": True, "learning rate": _rate(optimizer), "epsilon": optimizer.epsilon}
    return Measured(values, aligned=_run_shared(specs.Lamb(1e-3), samples.GRADIENTS))


@DEFAULTS.measures
def adafactor_defaults() -> Measured:
    """Adafactor's learning rate; whether a gradient of 0 moves the estimate."""
    optimizer, variable = optim.Adafactor(), keras.Variable(np.ones(3, np.float32))
    optimizer.build([variable])
    _steps(optimizer, variable, _ZERO)
    values = {
        "learning rate": _rate(optimizer),
        "added to the square": bool((to_numpy(optimizer._v[0]) > 0).any()),
    }
    aligned = _run_shared(specs.Adafactor(0.01), samples.GRADIENTS)
    return Measured(values, _run(optim.Adafactor(), samples.GRADIENTS), aligned)


@DEFAULTS.measures
def adafactor_axes() -> Measured:
    """How many numbers Adafactor keeps of rows and columns of a kernel."""
    optimizer = optim.Adafactor()
    optimizer.build([keras.Variable(np.ones((3, 3, 2, 4), np.float32))])
    sizes = to_numpy(optimizer._r[0]).size + to_numpy(optimizer._c[0]).size
    return Measured({"state of a 3 x 3 kernel, 2 to 4 channels": sizes})


@DEFAULTS.measures
def muon_update() -> Measured:
    """Muon's first step for a gradient that is a diagonal, over the rate; whether it takes a vector."""
    variables = [keras.Variable(np.zeros((4, 2), np.float32)), keras.Variable(np.zeros(2, np.float32))]
    optimizer = optim.Muon(1.0, weight_decay=None)
    optimizer.build(variables)
    optimizer.apply([ops.convert_to_tensor(np.eye(4, 2, dtype=np.float32)), ops.ones((2,))], variables)
    matrix, bias = map(to_numpy, variables)
    step = -float(matrix[0, 0])
    return Measured({"takes biases": bool((bias != 0).all()), "step over rate of a diagonal, 4 x 2": step})


@DEFAULTS.measures
def rates_by_layer() -> Measured:
    """Whether an optimizer's weights can have rates of their own."""
    settings = inspect.signature(optim.Optimizer.__init__).parameters
    return Measured({"has several rates": any("group" in name for name in settings)})


@DEFAULTS.measures
def gradient_accumulation() -> Measured:
    """Two gradients, 1 and 3, and the second of two rates."""
    rates = optimizers.TabulatedLearningRate([0.1, 0.2])
    moved = _two_batches(optim.SGD(rates, gradient_accumulation_steps=2))
    aligned = _two_batches(optimizers.build(specs.SGD(0.2, accumulate=2), [0.1, 0.2]))
    constant = _two_batches(optim.SGD(1.0, gradient_accumulation_steps=2))
    return Measured({"1 and 3 become": constant, "rate of update 1": moved / constant}, moved, aligned)


def _two_batches(optimizer: optim.Optimizer) -> float:
    variable = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([variable])
    return -float(_steps(optimizer, variable, np.array([[1.0], [3.0]], np.float32))[0])


@DEFAULTS.measures
def weight_averages() -> Measured:
    """use_ema of a weight that is 1, 2 and 3; aligned: an EMA with the same momentum."""
    variable, optimizer = keras.Variable(np.zeros(1, np.float32)), optim.SGD(1.0, use_ema=True)
    optimizer.build([variable])
    averages = []
    for _ in range(3):
        _steps(optimizer, variable, np.full((1, 1), -1.0, np.float32))
        averages.append(float(to_numpy(optimizer._model_variables_moving_average[0])[0]))
    optimizer.finalize_variable_values([variable])
    replaced = float(to_numpy(variable)[0]) == averages[-1]
    values = {"of 1, 2 and 3": averages[-1], "first average is the weight": averages[0] == 1.0}
    return Measured(values | {"replaces the weights": replaced}, averages[-1], _aligned_average())


def _aligned_average() -> float:
    variable = keras.Variable(np.zeros(1, np.float32))
    optimizer = optimizers.build(specs.SGD(1.0, average=EMA(0.99)), [1.0] * 3)
    optimizer.build([variable])
    _steps(optimizer, variable, np.full((3, 1), -1.0, np.float32))
    with averaged(optimizer):
        return float(to_numpy(variable)[0])
