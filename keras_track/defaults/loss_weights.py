"""What weighs in losses of Keras by default."""

import keras
import numpy as np
from keras import ops

from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def sample_weights() -> Measured:
    """MeanSquaredError with a sample_weight for each example."""
    loss, weights = keras.losses.MeanSquaredError(), ops.convert_to_tensor(np.array([1, 4], "float32"))
    mean = float(loss(ops.zeros((2, 1)), ops.ones((2, 1)), sample_weight=weights))
    return Measured({"weights 1 and 4 of errors 1 and 1": mean}, mean)


@DEFAULTS.measures
def masked_loss() -> Measured:
    """MeanAbsoluteError of two steps, of which Masking masks the second."""
    steps = keras.layers.Masking()(ops.convert_to_tensor(np.array([[[1.0], [0.0]]], "float32")))
    targets = ops.convert_to_tensor(np.array([[[0.0], [3.0]]], "float32"))
    mean = float(keras.losses.MeanAbsoluteError()(targets, steps))
    return Measured({"loss of steps with errors 1 and 3, the second padded": mean}, mean)


@DEFAULTS.measures
def smoothed_class_weights() -> Measured:
    """CategoricalCrossentropy with smoothing, and the sample weights that fit makes of class_weight."""
    weights, one_hot = np.array([0.4, 1.0, 3.0], "float32"), np.eye(3, dtype="float32")[samples.LABELS]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    mean = float(loss(one_hot, samples.LOGITS, sample_weight=weights[samples.LABELS]))
    each = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction="none")
    whole = float(np.mean(ops.convert_to_numpy(each(one_hot, samples.LOGITS)) * weights[samples.LABELS]))
    return Measured({"whole rows are weighed": bool(np.isclose(mean, whole))}, mean)


@DEFAULTS.measures
def ctc_lengths() -> Measured:
    """CTC of one example with two labels."""
    logits = ops.convert_to_tensor(samples.normal(6, 1, 4).transpose(1, 0, 2))
    labels = ops.convert_to_tensor(np.array([[1, 2]], "int32"))
    mean = float(keras.losses.CTC()(labels, logits))
    total = float(keras.losses.CTC(reduction="sum")(labels, logits))
    return Measured({"the sum of two labels' is divided by": total / mean}, mean)


@DEFAULTS.measures
def cosine_similarity() -> Measured:
    """CosineSimilarity of a vector with itself."""
    x = samples.normal(1, 4)
    loss = float(keras.losses.CosineSimilarity()(x, x))
    return Measured({"loss of equal vectors": loss}, loss)


@DEFAULTS.measures
def categorical_hinge() -> Measured:
    """CategoricalHinge."""
    loss = float(keras.losses.CategoricalHinge()(np.eye(3, dtype="float32")[[1]], np.array([[0, -2, -4]], "float32")))
    return Measured({"loss of scores 0, -2, -4 of class 1": loss}, loss)


@DEFAULTS.measures
def poisson_rates() -> Measured:
    """Poisson."""
    y = np.ones((4, 3), "float32")
    loss = float(keras.losses.Poisson()(y, samples.LOGITS))
    of_logarithms = float((np.exp(samples.LOGITS) - samples.LOGITS).mean())
    return Measured({"takes logarithms": bool(np.isclose(loss, of_logarithms))}, loss)


@DEFAULTS.measures
def dice_smooth() -> Measured:
    """Dice of targets and outputs that share nothing and hold nothing."""
    loss = float(keras.losses.Dice()(ops.zeros((1, 2)), ops.zeros((1, 2))))
    return Measured({"exists": hasattr(keras.losses, "Dice"), "loss of targets and outputs that are 0": loss})
