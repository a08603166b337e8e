"""Shared optimizer specs as Keras optimizers, every argument that acts explicit; Sophia, which Keras lacks."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from twotrack.keras_track.update_options import Names, WithOptions, named, with_options
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import SGD, Adam, AdamW, Lion, Optimizer, RMSprop
from twotrack.shared.spec.update_options import EMA

_OFF = MappingProxyType(
    {
        "clipnorm": None,
        "clipvalue": None,
        "global_clipnorm": None,
        "use_ema": False,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
    }
)

Kind = TypeVar("Kind", bound=keras.optimizers.Optimizer)


@keras.saving.register_keras_serializable(package="twotrack")
class TabulatedLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for every step, read from a table; works inside a compiled step on every backend."""

    def __init__(self, learning_rates: Sequence[float]):
        super().__init__()
        self._table = np.array(learning_rates, np.float64)  # not a list, which takes O(length) Python to convert

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return the learning rate at `step` (0-based); behind the last one, where Keras asks for it too, the last."""
        table, number = ops.convert_to_tensor(self._table, keras.config.floatx()), ops.cast(step, "int32")
        if keras.backend.backend() == "torch":  # where nothing is compiled, Keras' take and minimum take most of a step
            return table[number.clamp(max=len(self._table) - 1)]
        return ops.take(table, ops.minimum(number, len(self._table) - 1))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"learning_rates": self._table.tolist()}


@keras.saving.register_keras_serializable(package="twotrack")
class Sophia(keras.optimizers.Optimizer):
    """twotrack.shared.spec.optimizers.Sophia.

    It needs an estimate of the curvature before every step where `estimate_due`, which twotrack.keras_track.curvature
    takes. `fit` alone takes none: h then stays zero, and a step is learning_rate * sign(m).
    """

    def __init__(
        self,
        learning_rate: Any,
        beta_1: float = 0.96,
        beta_2: float = 0.99,
        gamma: float = 0.05,
        epsilon: float = 1e-12,
        interval: int = 10,
        weight_decay: float | None = 0.2,
        name: str = "sophia",
        **options: Any,
    ):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name, **options)
        self.beta_1, self.beta_2, self.gamma, self.epsilon = beta_1, beta_2, gamma, epsilon
        self.interval = interval

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create m and h, zeros, for every variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self.curvatures = self.add_optimizer_variables(variables, ["momentum", "curvature"])

    @property
    def estimate_due(self) -> bool:
        """Whether the curvature is to be estimated before the next step."""
        return int(keras.ops.convert_to_numpy(self.iterations)) % self.interval == 0

    def update_curvature(self, gradients: Sequence[Any]) -> None:
        """h = beta_2 * h + (1 - beta_2) * b^2, with one b for every variable that the optimizer was built with."""
        for h, b in zip(self.curvatures, gradients, strict=True):
            if b is not None:
                # The sum adds up the entries of an embedding's row, which TensorFlow lists one by one.
                b_squared = ops.square(ops.add(ops.zeros(h.shape, h.dtype), b))
                h.assign(self.beta_2 * h + (1 - self.beta_2) * b_squared)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """m = beta_1 * m + (1 - beta_1) * g; w -= learning_rate * clip(m / max(gamma * h, epsilon), -1, 1)."""
        index = self._get_variable_index(variable)
        m, h = self._momentums[index], self.curvatures[index]
        momentum = ops.add(ops.multiply(m, self.beta_1), ops.multiply(gradient, 1 - self.beta_1))
        clipped = ops.clip(momentum / ops.maximum(self.gamma * h, self.epsilon), -1, 1)
        self.assign(m, momentum)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * clipped)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        own = ("beta_1", "beta_2", "gamma", "epsilon", "interval")
        return super().get_config() | {name: getattr(self, name) for name in own}


@keras.saving.register_keras_serializable(package="twotrack")
class DampenedSGD(keras.optimizers.SGD):
    """twotrack.shared.spec.optimizers.SGD with dampening, which Keras' has none of."""

    def __init__(self, learning_rate: Any, dampening: float = 0.0, **options: Any):
        super().__init__(learning_rate=learning_rate, **options)
        self.dampening = dampening

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """velocity = momentum * velocity - (1 - dampening) * learning_rate * g, undampened at first; w += velocity."""
        kept = ops.where(ops.equal(self.iterations, 0), 1.0, 1.0 - self.dampening)
        super().update_step(gradient * ops.cast(kept, gradient.dtype), variable, learning_rate)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return super().get_config() | {"dampening": self.dampening}


@keras.saving.register_keras_serializable(package="twotrack")
class CanonicalMuon(keras.optimizers.Muon):
    """Keras' Muon, which tells matrices by the canonical names of weights where it knows them."""

    names: Names | None = None

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Find which variables are matrices, then create the state of each."""
        if not self.built:
            names = self.names(variables) if self.names else [variable.name for variable in variables]
            named_variables = zip(names, variables, strict=True)
            self._matrices = {id(one) for name, one in named_variables if specs.Muon.is_matrix(name, len(one.shape))}
        super().build(variables)

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return id(variable) not in self._matrices


def build(spec: Optimizer, learning_rates: Sequence[float], names: Names | None = None) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer for `spec`, with a learning rate for every batch.

    `names` finds the canonical names of weights; None if there are none, which groups need.
    """
    return at_rate(spec, TabulatedLearningRate(_of_updates(learning_rates, spec.accumulate)), names)


def at_rate(spec: Optimizer, learning_rate: Any, names: Names | None = None) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer for `spec` with a number or a schedule of Keras as its learning rate."""
    make, own = _choose(spec)
    make = with_options(make) if spec.has_options else make
    optimizer = make(learning_rate=learning_rate, **own, **_OFF)
    find = names or named({})
    if isinstance(optimizer, WithOptions):
        optimizer.prepare(spec, find)
    if isinstance(optimizer, CanonicalMuon):
        optimizer.names = find
    return with_dense_gradients(optimizer)


def plain(spec: Optimizer) -> keras.optimizers.Optimizer:
    """Return Keras' own optimizer for `spec`, whose averages are Keras' own too; it knows neither groups nor clips."""
    make, own = _choose(spec)
    ema: dict[str, object] = {}
    if isinstance(spec.average, EMA):
        every = spec.average.overwrite_every or None
        ema = {"use_ema": True, "ema_momentum": spec.average.momentum, "ema_overwrite_frequency": every}
    return make(learning_rate=spec.learning_rate, **own, **_OFF | ema)


def set_learning_rates(optimizer: keras.optimizers.Optimizer, learning_rates: Sequence[float]) -> None:
    """Give an optimizer that `build` made another learning rate for every batch; no step must be compiled yet."""
    optimizer.learning_rate = TabulatedLearningRate(_of_updates(learning_rates, getattr(optimizer, "accumulate", 1)))


def _of_updates(learning_rates: Sequence[float], accumulate: int) -> Sequence[float]:
    """Return the rates of the last batches of updates, and of batches behind all of them."""
    if accumulate == 1:
        return learning_rates
    return [*learning_rates[accumulate - 1 :: accumulate], learning_rates[-1]]


def with_dense_gradients(optimizer: Kind) -> Kind:
    """Let the optimizer see one gradient per embedding row on TensorFlow, as on every other backend.

    TensorFlow lists a row once for each time it was looked up. Keras squares such a list entry by
    entry, so Adam and RMSprop would average the sum of squares instead of the square of the sum.
    """
    if keras.backend.backend() != "tensorflow":
        return optimizer
    import tensorflow

    apply = optimizer.apply

    def apply_dense(gradients: Sequence, trainable_variables: Sequence | None = None) -> None:
        dense = [
            None if one is None else tensorflow.convert_to_tensor(one) for one in gradients
        ]  # None: none flows back
        apply(dense, trainable_variables)

    optimizer.apply = apply_dense
    return optimizer


def _choose(spec: Optimizer) -> tuple[type[keras.optimizers.Optimizer], dict[str, object]]:
    """Return the optimizer's class and the arguments that are its own."""
    if type(spec) not in _CHOICES:
        raise TypeError(f"no Keras optimizer for {type(spec).__name__}")
    make, arguments = _CHOICES[type(spec)]
    own: dict[str, object] = {name: getattr(spec, RENAMED.get(name, name)) for name in arguments}
    # None skips the work, 0 would multiply by it; AdamW refuses None.
    own["weight_decay"] = spec.weight_decay or (0.0 if isinstance(spec, AdamW) else None)
    if isinstance(spec, SGD):
        own["momentum"] = float(spec.momentum)  # Keras refuses an integer
        if spec.dampening:
            return DampenedSGD, own | {"dampening": spec.dampening}
    if isinstance(spec, specs.Muon):
        own["adam_weight_decay"] = own["weight_decay"]
    return make, own


_ADAM = ("beta_1", "beta_2", "epsilon")
RENAMED = {"initial_accumulator_value": "initial", "adam_beta_1": "beta_1", "adam_beta_2": "beta_2"}
"""Keras' names of what is called otherwise in specs."""
_CHOICES: dict[type, tuple[type[keras.optimizers.Optimizer], tuple[str, ...]]] = {
    SGD: (keras.optimizers.SGD, ("momentum", "nesterov")),
    RMSprop: (keras.optimizers.RMSprop, ("rho", "momentum", "epsilon", "centered")),
    Adam: (keras.optimizers.Adam, (*_ADAM, "amsgrad")),
    AdamW: (keras.optimizers.AdamW, (*_ADAM, "amsgrad")),
    Lion: (keras.optimizers.Lion, ("beta_1", "beta_2")),
    specs.Sophia: (Sophia, ("beta_1", "beta_2", "gamma", "epsilon", "interval")),
    specs.Adagrad: (keras.optimizers.Adagrad, ("initial_accumulator_value", "epsilon")),
    specs.Adadelta: (keras.optimizers.Adadelta, ("rho", "epsilon")),
    specs.Adamax: (keras.optimizers.Adamax, _ADAM),
    specs.Nadam: (keras.optimizers.Nadam, _ADAM),
    specs.Lamb: (keras.optimizers.Lamb, _ADAM),
    specs.Adafactor: (keras.optimizers.Adafactor, ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold")),
    specs.Muon: (
        CanonicalMuon,
        ("momentum", "nesterov", "ns_steps", "rms_rate", "adam_beta_1", "adam_beta_2", "epsilon"),
    ),
}
"""By spec: Keras' class, and its arguments that the spec states beside the decay."""
