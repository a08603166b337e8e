"""One neuron, which is logistic regression: its output, its loss, its gradient and one step downhill.

x (n, features) holds n examples, y (n,) their labels 0 or 1, w (features,) the weights, b the bias.
Source: Bishop 2006, section 4.3.2, but for the mean over the examples in place of their sum.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit


class Gradient(NamedTuple):
    """The loss's derivatives."""

    dw: np.ndarray
    """(features,)"""
    db: float


def logit(w: np.ndarray, b: float, x: np.ndarray) -> np.ndarray:
    """Return z = w·x + b for every example: (n,)."""
    return x @ w + b


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), the probability that y is 1. SciPy's does not overflow."""
    return expit(z)


def binary_cross_entropy(z: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of -y log p - (1 - y) log(1 - p), where p = sigmoid(z).

    Since -log p = log(1 + exp(-z)) and -log(1 - p) = log(1 + exp(z)) = z + log(1 + exp(-z)), an
    example's loss is log(1 + exp(z)) - y z, which keeps its digits where p rounds to 0 or 1.
    """
    return float(np.mean(np.logaddexp(0, z) - y * z))


def gradient(w: np.ndarray, b: float, x: np.ndarray, y: np.ndarray) -> Gradient:
    """Return the derivatives of the loss: dL/dz = (p - y) / n, since sigmoid' = p (1 - p) cancels."""
    p = sigmoid(logit(w, b, x))
    dz = (p - y) / len(y)  # (n,)
    return Gradient(dw=x.T @ dz, db=float(dz.sum()))


def update(w: np.ndarray, b: float, x: np.ndarray, y: np.ndarray, learning_rate: float) -> tuple[np.ndarray, float]:
    """Return w and b after one step of gradient descent."""
    dw, db = gradient(w, b, x, y)
    return w - learning_rate * dw, b - learning_rate * db
