"""The named losses in Keras, every argument that acts explicit."""

from typing import Any

import keras

from twotrack.shared.spec.losses import LossName
from twotrack.shared.weights.bridge.layouts import Rearrangement


def build(name: LossName) -> keras.losses.Loss:
    """Return the loss, a mean over the batch; the first two expect logits, which is not Keras' default."""
    match name:
        case "cross_entropy":
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        case "binary_cross_entropy":
            return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.0)
        case "mean_squared_error":
            return keras.losses.MeanSquaredError()
    raise ValueError(f"no Keras loss is called '{name}'")


class ChannelsLast(keras.losses.Loss):
    """A loss of outputs that have to be moved to channels last before."""

    def __init__(self, loss: keras.losses.Loss, arrangement: Rearrangement):
        super().__init__(name=loss.name)
        self._loss, self._arrangement = loss, arrangement

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of targets in canonical order and outputs in Keras' own."""
        for axis, order in enumerate(self._arrangement.orders):
            y_pred = y_pred if order is None else keras.ops.take(y_pred, order, axis)
        return self._loss(y_true, keras.ops.transpose(y_pred, self._arrangement.axes), sample_weight)
