"""The network of the chapter backprop: forward, and the chain rule backwards, one line per equation.

X (n, features) holds n examples, y (n, 1) their labels 0 or 1, h is the number of hidden units.
dz2 stands for the derivative of the mean loss in z2, and so on.
Source: Rumelhart, Hinton and Williams 1986.
"""
# ruff: noqa: N803, N806 - matrices have capital letters, as in the equations

from typing import Literal, NamedTuple

import numpy as np

from twotrack.shared.by_hand.activations import d_sigmoid, d_tanh, sigmoid, tanh
from twotrack.shared.by_hand.neuron import binary_cross_entropy

Activation = Literal["sigmoid", "tanh"]
ACTIVATIONS = {"sigmoid": (sigmoid, d_sigmoid), "tanh": (tanh, d_tanh)}
"""Value and derivative."""


class Weights(NamedTuple):
    """The network's weights, or the loss's derivatives in them: dW1, db1, dW2, db2."""

    W1: np.ndarray
    """(features, h)"""
    b1: np.ndarray
    """(h,)"""
    W2: np.ndarray
    """(h, 1)"""
    b2: np.ndarray
    """(1,)"""


class LayerValues(NamedTuple):
    """What the forward pass computes, and the backward pass needs again."""

    z1: np.ndarray
    """(n, h)"""
    a1: np.ndarray
    """(n, h)"""
    z2: np.ndarray
    """(n, 1), the logits"""


def forward(weights: Weights, X: np.ndarray, activation: Activation) -> LayerValues:
    """Return the values of every layer."""
    W1, b1, W2, b2 = weights
    value, _ = ACTIVATIONS[activation]
    z1 = X @ W1 + b1
    a1 = value(z1)
    z2 = a1 @ W2 + b2
    return LayerValues(z1, a1, z2)


def loss(weights: Weights, X: np.ndarray, y: np.ndarray, activation: Activation) -> float:
    """Return the mean binary cross-entropy."""
    return binary_cross_entropy(forward(weights, X, activation).z2, y)


def backward(weights: Weights, X: np.ndarray, y: np.ndarray, activation: Activation) -> Weights:
    """Return the derivatives of the mean loss in every weight."""
    z1, a1, z2 = forward(weights, X, activation)
    _, derivative = ACTIVATIONS[activation]
    dz2 = (sigmoid(z2) - y) / len(y)  # (n, 1)
    dW2 = a1.T @ dz2  # (h, 1)
    db2 = dz2.sum(axis=0)  # (1,)
    da1 = dz2 @ weights.W2.T  # (n, h)
    dz1 = da1 * derivative(z1)  # (n, h)
    dW1 = X.T @ dz1  # (features, h)
    db1 = dz1.sum(axis=0)  # (h,)
    return Weights(dW1, db1, dW2, db2)


def update(weights: Weights, X: np.ndarray, y: np.ndarray, activation: Activation, learning_rate: float) -> Weights:
    """Return the weights after one step of gradient descent."""
    gradients = backward(weights, X, y, activation)
    return Weights(*(w - learning_rate * dw for w, dw in zip(weights, gradients, strict=True)))
