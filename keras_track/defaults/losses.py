"""Losses and metrics as Keras has them by default."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import ops

from twotrack.keras_track import losses
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.losses import as_targets


def _value(loss: keras.losses.Loss, labels: Any, outputs: Any, **options: Any) -> float:
    return float(loss(ops.convert_to_tensor(labels), ops.convert_to_tensor(outputs), **options))


@DEFAULTS.measures
def loss_on_logits() -> Measured:
    """SparseCategoricalCrossentropy, and what a constant added to its inputs does."""
    loss = keras.losses.SparseCategoricalCrossentropy()
    value = _value(loss, samples.LABELS, samples.LOGITS)
    shifted = _value(loss, samples.LABELS, samples.LOGITS + 1)
    values = {"takes logits": bool(np.isclose(value, shifted))}
    return Measured(values, value, _value(losses.build("cross_entropy"), samples.LABELS, samples.LOGITS))


@DEFAULTS.measures
def label_smoothing() -> Measured:
    """Cross-entropy on integer labels; aligned: on one-hot labels with a smoothing of 0.1."""
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    takes = "label_smoothing" in inspect.signature(keras.losses.SparseCategoricalCrossentropy).parameters
    values = {"default": keras.losses.CategoricalCrossentropy().get_config()["label_smoothing"]}
    one_hot = np.eye(3, dtype=np.float32)[samples.LABELS]
    return Measured(values | {"for integer labels": takes}, aligned=_value(smoothed, one_hot, samples.LOGITS))


@DEFAULTS.measures
def class_weights() -> Measured:
    """Cross-entropy with weights 1 and 4, as fit applies class_weight, on an example of each that loses log 2."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = ops.convert_to_tensor(np.array([1, 4], np.float32))
    mean = _value(loss, np.array([0, 1]), np.zeros((2, 2), np.float32), sample_weight=weights)
    return Measured({"weights 1 and 4, losses over log 2": mean / np.log(2)}, mean)


@DEFAULTS.measures
def saturated_bce() -> Measured:
    """BinaryCrossentropy where the probability of the true class is 0; aligned: on a logit of -50."""
    label, zero = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    loss = _value(keras.losses.BinaryCrossentropy(), label, zero)
    return Measured({"largest loss": loss}, loss, _value(losses.build("binary_cross_entropy"), label, zero - 50))


@DEFAULTS.measures
def kl_divergence() -> Measured:
    """KLDivergence on (4, 3)."""
    p, q = (_softmax(logits) for logits in (samples.LOGITS, samples.LOGITS[:, ::-1]))
    mean = _value(keras.losses.KLDivergence(), p, q)
    return Measured({"the sum over (4, 3) is divided by": float((p * np.log(p / q)).sum() / mean)}, mean)


def _softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@DEFAULTS.measures
def squared_error_shapes() -> Measured:
    """MeanSquaredError of (4, 1) that equal (4,); aligned: labels as the harness shapes them."""
    labels, outputs = np.arange(4), np.arange(4, dtype=np.float32)[:, None]
    loss = _value(keras.losses.MeanSquaredError(), labels.astype(np.float32), outputs)
    aligned = _value(losses.build("mean_squared_error"), as_targets("mean_squared_error", labels), outputs)
    return Measured({"loss of outputs that are right": loss}, loss, aligned)


@DEFAULTS.measures
def auc() -> Measured:
    """The metric AUC; aligned: scikit-learn's, as of both tracks' logits."""
    from sklearn.metrics import roc_auc_score

    metric, probabilities = keras.metrics.AUC(), 1 / (1 + np.exp(-samples.SCORES))
    metric.update_state(samples.POSITIVE, probabilities)
    area = float(metric.result())
    return Measured(
        {"area": area, "thresholds": metric.num_thresholds}, area, roc_auc_score(samples.POSITIVE, samples.SCORES)
    )
