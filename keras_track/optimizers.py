"""Shared optimizer specs as Keras optimizers, every argument explicit."""

from collections.abc import Sequence

import keras
from keras import ops

from shared.training import Adam


class TabulatedLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for every step, read from a table; works inside a compiled step on every backend."""

    def __init__(self, learning_rates: Sequence[float]):
        super().__init__()
        self._learning_rates = list(learning_rates)

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return the learning rate at `step` (0-based)."""
        table = ops.convert_to_tensor(self._learning_rates, keras.config.floatx())
        return ops.take(table, ops.cast(step, "int32"))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"learning_rates": self._learning_rates}


def build(spec: Adam, learning_rates: Sequence[float]) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer for `spec`."""
    return keras.optimizers.Adam(
        learning_rate=TabulatedLearningRate(learning_rates),
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon,
        amsgrad=False,
        weight_decay=None,
    )
