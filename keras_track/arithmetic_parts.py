"""TensorFlow's operations of several steps, written as the steps: how far each rounding leads is that of the steps.

Each function takes the tensors that the operation is given and returns what it returns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

Parts = Callable[[Sequence[Any]], list[Any]]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _softmax(given: Sequence[Any]) -> list[Any]:
    (logits,) = given
    powers = tf.exp(_below_largest(logits))
    return [powers / tf.reduce_sum(powers, -1, keepdims=True)]


def _log_softmax(given: Sequence[Any]) -> list[Any]:
    below = _below_largest(given[0])
    return [below - tf.math.log(tf.reduce_sum(tf.exp(below), -1, keepdims=True))]


def _below_largest(logits: Any) -> Any:
    return logits - tf.reduce_max(logits, -1, keepdims=True)


def _cross_entropy(given: Sequence[Any]) -> list[Any]:
    logits, targets = given
    below = _below_largest(logits)
    powers = tf.exp(below)
    total = tf.reduce_sum(powers, -1, keepdims=True)
    losses = tf.reduce_sum(targets * (tf.math.log(total) - below), -1)
    return [losses, powers / total - targets]


def _sparse_cross_entropy(given: Sequence[Any]) -> list[Any]:
    logits, classes = given
    return _cross_entropy((logits, tf.one_hot(classes, logits.shape[-1], dtype=logits.dtype)))


def _softplus(given: Sequence[Any]) -> list[Any]:
    (x,) = given
    return [tf.maximum(x, 0) + tf.math.log1p(tf.exp(-tf.abs(x)))]


def _softplus_gradient(given: Sequence[Any]) -> list[Any]:
    gradients, x = given
    return [gradients / (tf.exp(-x) + 1)]


def _elu(given: Sequence[Any]) -> list[Any]:
    (x,) = given
    return [tf.where(x < 0, tf.math.expm1(tf.minimum(x, 0)), x)]


def _elu_gradient(given: Sequence[Any]) -> list[Any]:
    gradients, outputs = given
    return [tf.where(outputs < 0, (outputs + 1) * gradients, gradients)]


def _selu(given: Sequence[Any]) -> list[Any]:
    (x,) = given
    below = _SELU_SCALE * _SELU_ALPHA * tf.math.expm1(tf.minimum(x, 0))
    return [tf.where(x < 0, below, _SELU_SCALE * x)]


def _selu_gradient(given: Sequence[Any]) -> list[Any]:
    gradients, outputs = given
    below = gradients * (outputs + _SELU_SCALE * _SELU_ALPHA)
    return [tf.where(outputs < 0, below, gradients * _SELU_SCALE)]


def _softsign(given: Sequence[Any]) -> list[Any]:
    (x,) = given
    return [x / (1 + tf.abs(x))]


def _softsign_gradient(given: Sequence[Any]) -> list[Any]:
    gradients, x = given
    return [gradients / tf.square(1 + tf.abs(x))]


def _half_of_squares(given: Sequence[Any]) -> list[Any]:
    return [tf.reduce_sum(tf.square(given[0])) / 2]


# fused batch normalisation has no float64, and Keras does not use it
PARTS: Mapping[str, Parts] = {
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "SoftmaxCrossEntropyWithLogits": _cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": _sparse_cross_entropy,
    "Softplus": _softplus,
    "SoftplusGrad": _softplus_gradient,
    "Elu": _elu,
    "EluGrad": _elu_gradient,
    "Selu": _selu,
    "SeluGrad": _selu_gradient,
    "Softsign": _softsign,
    "SoftsignGrad": _softsign_gradient,
    "L2Loss": _half_of_squares,
}
