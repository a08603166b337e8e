"""The losses in Keras: the named ones, every argument that acts explicit, and those of shared/spec/loss_specs.py."""

from typing import Any

import keras
from keras.src.losses import loss as loss_module

from twotrack.shared.errors import as_user_error
from twotrack.shared.spec import loss_specs
from twotrack.shared.spec.loss_formulas import loss_value
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import CustomLoss, OneLoss
from twotrack.shared.weights.bridge.layouts import Rearrangement


def build(loss: OneLoss) -> keras.losses.Loss:
    """Return the loss as an object of Keras; UserError if a function of the user's fails."""
    if isinstance(loss, CustomLoss):
        with as_user_error("the Keras loss function failed"):
            return loss.of("keras")()
    return FromSpec(loss) if isinstance(loss, loss_specs.Loss) else _named(loss)


def _named(name: LossName) -> keras.losses.Loss:
    """Return a mean over the batch; the first two expect logits, which is not Keras' default."""
    match name:
        case "cross_entropy":
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        case "binary_cross_entropy":
            return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.0)
        case "mean_squared_error":
            return keras.losses.MeanSquaredError()
    raise ValueError(f"no Keras loss is called '{name}'")


class FromSpec(keras.losses.Loss):
    """A loss of shared/spec/loss_specs.py; masks that a model sends along with its outputs are none of its own."""

    def __init__(self, spec: loss_specs.Loss):
        super().__init__(name=type(spec).__name__, reduction="sum")
        self.spec = spec

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss; weights are (batch,) or (batch, steps), -1 for what is left out.

        As Keras' own losses do, it takes outputs in its own type: under a mixed policy they are narrower. Of several
        replicas, whose losses MirroredStrategy adds up, a mean is that of a share, as Keras' own are.
        """
        outputs = keras.ops.convert_to_tensor(y_pred, dtype=self.dtype)
        given = [None if one is None else keras.ops.convert_to_tensor(one) for one in (y_true, sample_weight)]
        value = loss_value(keras.ops, self.spec, False, outputs, *given)
        return value if self.spec.divisor == "nothing" else loss_module.scale_loss_for_distribution(value)


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
