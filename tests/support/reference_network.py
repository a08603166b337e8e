"""mnist_cnn in NumPy, float64, written from the equations and from canonical weights alone."""

from collections.abc import Mapping

import numpy as np
from scipy.special import logsumexp

EPSILON = 1e-5
SMOOTHING = 0.1
Weights = Mapping[str, np.ndarray]
Statistics = dict[str, np.ndarray]


def outputs(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Return logits (batch, 10) in inference mode for prepared images (batch, 28, 28, 1)."""
    return _forward(weights, images, None)


def training_loss(weights: Weights, images: np.ndarray, labels: np.ndarray) -> tuple[float, Statistics]:
    """Return the loss of the recipe `fast` without dropout, and mean and biased variance of what each batch norm saw.

    Cross-entropy with targets of which SMOOTHING is shared by all classes (Szegedy et al. 2016).
    """
    seen: Statistics = {}
    logits = _forward(weights, images, seen)
    classes = logits.shape[1]
    targets = (1 - SMOOTHING) * np.eye(classes)[labels] + SMOOTHING / classes
    logs = logits - logsumexp(logits, axis=1, keepdims=True)
    return float(-(targets * logs).sum(axis=1).mean()), seen


def _forward(weights: Weights, images: np.ndarray, seen: Statistics | None) -> np.ndarray:
    exact = {name: array.astype(np.float64) for name, array in weights.items()}
    x = _block(exact, "1", images.astype(np.float64), seen)
    x = _block(exact, "2", x, seen)
    x = x.mean(axis=(1, 2)) if "bn1.gamma" in exact else x.reshape(len(x), -1)
    x = np.maximum(x @ exact["dense1.kernel"] + exact["dense1.bias"], 0)
    return x @ exact["logits.kernel"] + exact["logits.bias"]


def _block(exact: Weights, number: str, x: np.ndarray, seen: Statistics | None) -> np.ndarray:
    x = _convolve(x, exact[f"conv{number}.kernel"]) + exact[f"conv{number}.bias"]
    if f"bn{number}.gamma" in exact:
        x = _normalise(exact, f"bn{number}", x, seen)
    return _pool(np.maximum(x, 0))


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cross-correlate x (batch, height, width, inputs), zero padded to the same size, with a 3 x 3 kernel."""
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    places = np.ndindex(3, 3)
    return sum(padded[:, row : row + height, column : column + width] @ kernel[row, column] for row, column in places)


def _normalise(exact: Weights, layer: str, x: np.ndarray, seen: Statistics | None) -> np.ndarray:
    mean, variance = exact[f"{layer}.moving_mean"], exact[f"{layer}.moving_variance"]
    if seen is not None:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        seen[f"{layer}.moving_mean"], seen[f"{layer}.moving_variance"] = mean, variance
    return (x - mean) / np.sqrt(variance + EPSILON) * exact[f"{layer}.gamma"] + exact[f"{layer}.beta"]


def _pool(x: np.ndarray) -> np.ndarray:
    """Take the largest of every 2 x 2 places."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
