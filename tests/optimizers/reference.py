"""The documented formulas of twotrack.shared.spec.optimizers, and the perceptron's gradients, written out in NumPy."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit, log_softmax, softmax

from tests.optimizers.cases import Case, batches, initial_weights
from twotrack.shared.spec.curvature import draw_noise
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.optimizers import SGD, Adam, Lion, RMSprop, Sophia

Weights = list[np.ndarray]
Update = Callable[[np.ndarray, np.ndarray, float, np.ndarray | None], np.ndarray]
"""(weight, gradient, learning rate, curvature estimate if there is one) to the new weight; remembers its state."""


def loss_and_gradients(
    weights: Weights, inputs: np.ndarray, targets: np.ndarray, loss: LossName = "cross_entropy"
) -> tuple[float, Weights]:
    """Mean loss of a tanh perceptron, and its gradients, by the chain rule."""
    kernel1, bias1, kernel2, bias2 = weights
    hidden = np.tanh(inputs @ kernel1 + bias1)  # (B, H)
    value, d_outputs = _LOSSES[loss](hidden @ kernel2 + bias2, targets)
    d_hidden = d_outputs @ kernel2.T * (1 - hidden**2)
    return value, [inputs.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_outputs, d_outputs.sum(axis=0)]


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    one_hot = np.eye(logits.shape[1])[labels]
    return -(one_hot * log_softmax(logits, axis=1)).sum(axis=1).mean(), (softmax(logits, axis=1) - one_hot) / len(
        logits
    )


def _binary_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    value = labels * np.logaddexp(0, -logits) + (1 - labels) * np.logaddexp(0, logits)
    return value.mean(), (expit(logits) - labels) / labels.size


def _mean_squared_error(outputs: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    return ((outputs - values) ** 2).mean(), 2 * (outputs - values) / values.size


_LOSSES = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "mean_squared_error": _mean_squared_error,
}


def train(case: Case) -> tuple[list[float], Weights]:
    """Return the losses, each before its step, and the last weights."""
    weights = initial_weights(case.loss)
    updates = [_UPDATES[type(case.optimizer).__name__](case.optimizer) for _ in weights]
    losses = []
    for step, (inputs, targets) in enumerate(batches(case.loss)):
        loss, gradients = loss_and_gradients(weights, inputs, targets, case.loss)
        losses.append(case.loss_scale * loss)
        due = isinstance(case.optimizer, Sophia) and step % case.optimizer.interval == 0
        estimates = _curvature(weights, inputs, case.loss, step) if due else [None] * len(weights)
        rate = case.learning_rates[step]
        weights = [
            update(weight, case.loss_scale * gradient, rate, estimate)
            for update, weight, gradient, estimate in zip(updates, weights, gradients, estimates, strict=True)
        ]
    return losses, weights


def _curvature(weights: Weights, inputs: np.ndarray, loss: LossName, step: int) -> Weights:
    """Number of labels times the square of the gradient in labels that the perceptron draws."""
    kernel1, bias1, kernel2, bias2 = weights
    labels = draw_labels(np.tanh(inputs @ kernel1 + bias1) @ kernel2 + bias2, loss, step)
    _, gradients = loss_and_gradients(weights, inputs, labels, loss)
    return [labels.size * gradient**2 for gradient in gradients]


def draw_labels(outputs: np.ndarray, loss: LossName, step: int) -> np.ndarray:
    """Labels in terms of probabilities, where the tracks add noise to logits."""
    noise = draw_noise(loss, outputs.shape, step)
    match loss:
        case "cross_entropy":  # the first of independent exponential waits, at rates p
            return (np.exp(-noise) / softmax(outputs, axis=-1)).argmin(axis=-1)
        case "binary_cross_entropy":
            return (expit(-noise) < expit(outputs)).astype(float)
        case "mean_squared_error":
            return outputs + noise


def _sgd(spec: SGD) -> Update:
    velocity = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float, _: None) -> np.ndarray:
        nonlocal velocity
        velocity = spec.momentum * velocity - rate * gradient
        step = spec.momentum * velocity - rate * gradient if spec.nesterov else velocity
        return weight - rate * spec.weight_decay * weight + step

    return update


def _rmsprop(spec: RMSprop) -> Update:
    v = step = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float, _: None) -> np.ndarray:
        nonlocal v, step
        v = spec.rho * v + (1 - spec.rho) * gradient**2
        step = spec.momentum * step + rate * gradient / np.sqrt(v + spec.epsilon)
        return weight - rate * spec.weight_decay * weight - step

    return update


def _adam(spec: Adam) -> Update:
    m = v = 0.0
    steps: Iterator[int] = iter(range(1, 10**6))

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float, _: None) -> np.ndarray:
        nonlocal m, v
        t = next(steps)
        m = spec.beta_1 * m + (1 - spec.beta_1) * gradient
        v = spec.beta_2 * v + (1 - spec.beta_2) * gradient**2
        corrected = rate * np.sqrt(1 - spec.beta_2**t) / (1 - spec.beta_1**t)
        return weight - rate * spec.weight_decay * weight - corrected * m / (np.sqrt(v) + spec.epsilon)

    return update


def _lion(spec: Lion) -> Update:
    m = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float, _: None) -> np.ndarray:
        nonlocal m
        c = np.sign(spec.beta_1 * m + (1 - spec.beta_1) * gradient)
        m = spec.beta_2 * m + (1 - spec.beta_2) * gradient
        return weight - rate * (c + spec.weight_decay * weight)

    return update


def _sophia(spec: Sophia) -> Update:
    m = h = 0.0

    def update(weight: np.ndarray, gradient: np.ndarray, rate: float, estimate: np.ndarray | None) -> np.ndarray:
        nonlocal m, h
        m = spec.beta_1 * m + (1 - spec.beta_1) * gradient
        if estimate is not None:
            h = spec.beta_2 * h + (1 - spec.beta_2) * estimate
        decayed = weight - rate * spec.weight_decay * weight
        return decayed - rate * np.clip(m / np.maximum(spec.gamma * h, spec.epsilon), -1, 1)

    return update


_UPDATES: dict[str, Callable[..., Update]] = {
    "SGD": _sgd, "RMSprop": _rmsprop, "Adam": _adam, "AdamW": _adam, "Lion": _lion, "Sophia": _sophia
}  # fmt: skip
