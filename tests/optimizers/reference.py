"""The documented formulas of shared.training, and the perceptron's gradients, written out in NumPy."""

from collections.abc import Callable, Iterator

import numpy as np

from shared.training import SGD, Adam, RMSprop
from tests.optimizers.cases import Case, batches, initial_weights

Weights = list[np.ndarray]
Update = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(weight, gradient, learning rate) to the new weight; remembers its state."""


def loss_and_gradients(weights: Weights, inputs: np.ndarray, labels: np.ndarray) -> tuple[float, Weights]:
    """Mean softmax cross-entropy of a tanh perceptron, and its gradients, by the chain rule."""
    kernel1, bias1, kernel2, bias2 = weights
    hidden = np.tanh(inputs @ kernel1 + bias1)  # (B, H)
    logits = hidden @ kernel2 + bias2  # (B, C)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    d_logits = np.exp(log_probabilities)
    d_logits[rows, labels] -= 1
    d_logits /= len(labels)
    d_hidden = d_logits @ kernel2.T * (1 - hidden**2)
    gradients = [inputs.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_logits, d_logits.sum(axis=0)]
    return -log_probabilities[rows, labels].mean(), gradients


def train(case: Case) -> tuple[list[float], Weights]:
    """Return the losses, each before its step, and the last weights."""
    weights = initial_weights()
    updates = [_UPDATES[type(case.optimizer).__name__](case.optimizer) for _ in weights]
    losses = []
    for rate, (inputs, labels) in zip(case.learning_rates, batches(), strict=True):
        loss, gradients = loss_and_gradients(weights, inputs, labels)
        losses.append(case.loss_scale * loss)
        pairs = zip(updates, weights, gradients, strict=True)
        weights = [update(weight, case.loss_scale * gradient, rate) for update, weight, gradient in pairs]
    return losses, weights


def _sgd(spec: SGD) -> Update:
    velocity = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float) -> np.ndarray:
        nonlocal velocity
        velocity = spec.momentum * velocity - rate * gradient
        step = spec.momentum * velocity - rate * gradient if spec.nesterov else velocity
        return weight - rate * spec.weight_decay * weight + step

    return update


def _rmsprop(spec: RMSprop) -> Update:
    v = step = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float) -> np.ndarray:
        nonlocal v, step
        v = spec.rho * v + (1 - spec.rho) * gradient**2
        step = spec.momentum * step + rate * gradient / np.sqrt(v + spec.epsilon)
        return weight - rate * spec.weight_decay * weight - step

    return update


def _adam(spec: Adam) -> Update:
    m = v = 0.0
    steps: Iterator[int] = iter(range(1, 10**6))

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float) -> np.ndarray:
        nonlocal m, v
        t = next(steps)
        m = spec.beta_1 * m + (1 - spec.beta_1) * gradient
        v = spec.beta_2 * v + (1 - spec.beta_2) * gradient**2
        corrected = rate * np.sqrt(1 - spec.beta_2**t) / (1 - spec.beta_1**t)
        return weight - rate * spec.weight_decay * weight - corrected * m / (np.sqrt(v) + spec.epsilon)

    return update


_UPDATES: dict[str, Callable[..., Update]] = {"SGD": _sgd, "RMSprop": _rmsprop, "Adam": _adam, "AdamW": _adam}
