"""Shared optimizer specs as Keras optimizers, every argument that acts explicit; Sophia, which Keras lacks."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops

from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.optimizers import SGD, Adam, AdamW, Lion, Optimizer, RMSprop

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
        """Return the learning rate at `step` (0-based)."""
        table = ops.convert_to_tensor(self._table, keras.config.floatx())
        return ops.take(table, ops.cast(step, "int32"))

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
        return int(self.iterations) % self.interval == 0

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


def build(spec: Optimizer, learning_rates: Sequence[float]) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer for `spec`, with a learning rate for every step."""
    make, own = _choose(spec)
    optimizer = make(learning_rate=TabulatedLearningRate(learning_rates), **own, **_OFF)
    return with_dense_gradients(optimizer)


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
    own: dict[str, object]
    decay: dict[str, object] = {
        "weight_decay": spec.weight_decay or None
    }  # None skips the work, 0 would multiply by it
    match spec:
        case SGD():
            # Keras refuses an integer momentum.
            own = {"momentum": float(spec.momentum), "nesterov": spec.nesterov}
            return keras.optimizers.SGD, own | decay
        case RMSprop():
            own = {"rho": spec.rho, "momentum": spec.momentum, "epsilon": spec.epsilon, "centered": False}
            return keras.optimizers.RMSprop, own | decay
        case Adam():
            own = {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "epsilon": spec.epsilon, "amsgrad": False}
            if isinstance(spec, AdamW):
                return keras.optimizers.AdamW, own | {"weight_decay": spec.weight_decay}  # it refuses None
            return keras.optimizers.Adam, own | decay
        case Lion():
            own = {"beta_1": spec.beta_1, "beta_2": spec.beta_2}
            return keras.optimizers.Lion, own | decay
        case specs.Sophia():
            own = {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "gamma": spec.gamma, "epsilon": spec.epsilon}
            return Sophia, own | {"interval": spec.interval} | decay
    raise TypeError(f"no Keras optimizer for {type(spec).__name__}")
