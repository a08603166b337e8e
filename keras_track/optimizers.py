"""Shared optimizer specs as Keras optimizers, every argument that acts explicit."""

from collections.abc import Sequence
from types import MappingProxyType

import keras
import numpy as np
from keras import ops

from shared.training import SGD, Adam, AdamW, Optimizer, RMSprop

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


def build(spec: Optimizer, learning_rates: Sequence[float]) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer for `spec`, with a learning rate for every step."""
    make, own = _choose(spec)
    optimizer = make(learning_rate=TabulatedLearningRate(learning_rates), **own, **_OFF)
    return _with_dense_gradients(optimizer) if keras.backend.backend() == "tensorflow" else optimizer


def _with_dense_gradients(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Let the optimizer see one gradient per embedding row, as on every other backend.

    TensorFlow lists a row once for each time it was looked up. Keras squares such a list entry by
    entry, so Adam and RMSprop would average the sum of squares instead of the square of the sum.
    """
    import tensorflow

    apply = optimizer.apply

    def apply_dense(gradients: Sequence, trainable_variables: Sequence | None = None) -> None:
        apply([tensorflow.convert_to_tensor(one) for one in gradients], trainable_variables)

    optimizer.apply = apply_dense
    return optimizer


def _choose(spec: Optimizer) -> tuple[type[keras.optimizers.Optimizer], dict[str, object]]:
    """Return the optimizer's class and the arguments that are its own."""
    decay = {"weight_decay": spec.weight_decay or None}  # None skips the work, 0 would multiply by it
    match spec:
        case SGD():
            # Keras refuses an integer momentum.
            return keras.optimizers.SGD, {"momentum": float(spec.momentum), "nesterov": spec.nesterov} | decay
        case RMSprop():
            own = {"rho": spec.rho, "momentum": spec.momentum, "epsilon": spec.epsilon, "centered": False}
            return keras.optimizers.RMSprop, own | decay
        case Adam():
            own = {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "epsilon": spec.epsilon, "amsgrad": False}
            if isinstance(spec, AdamW):
                return keras.optimizers.AdamW, own | {"weight_decay": spec.weight_decay}  # it refuses None
            return keras.optimizers.Adam, own | decay
    raise TypeError(f"no Keras optimizer for {type(spec).__name__}")
