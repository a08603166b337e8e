"""The named losses in Keras, every argument that acts explicit."""

import keras

from twotrack.shared.spec.losses import LossName


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
