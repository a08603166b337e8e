"""Logged series of known processes: noise of many kinds around a curve that falls, and real gradient descent."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import lfilter

Generator = np.random.Generator
BURN_IN = 300


def curve(points: int) -> np.ndarray:
    """Return a loss that falls as in training: fast, then slowly, 2.1 to about 0.2."""
    return 0.1 + 2 / (1 + np.arange(points) / (points / 20))


def autoregressive(generator: Generator, points: int, correlation: float, tail: float | None = None) -> np.ndarray:
    """Return first-order noise; `tail` is the degrees of freedom of Student's t, None for normal numbers."""
    size = points + BURN_IN
    drawn = generator.normal(size=size) if tail is None else generator.standard_t(tail, size)
    return np.sqrt(1 - correlation**2) * lfilter([1.0], [1.0, -correlation], drawn)[BURN_IN:]


def moving_average(generator: Generator, points: int, width: int = 10) -> np.ndarray:
    """Return noise as of a log that shows running means."""
    return np.convolve(generator.normal(size=points + width - 1), np.ones(width) / np.sqrt(width), "valid")


def lognormal(generator: Generator, points: int) -> np.ndarray:
    """Return skewed noise around 0."""
    return generator.lognormal(sigma=0.5, size=points) - np.exp(0.125)


Draw = Callable[[Generator, int], np.ndarray]
NOISES: Mapping[str, Draw] = {
    "normal": lambda g, n: g.normal(size=n),
    "heavy tails, t with 2.5 degrees of freedom": lambda g, n: g.standard_t(2.5, n),
    "Cauchy": lambda g, n: g.standard_cauchy(n),
    "skewed, lognormal": lognormal,
    "decaying with the loss": lambda g, n: curve(n) * g.normal(size=n),
    "correlated 0.5": lambda g, n: autoregressive(g, n, 0.5),
    "correlated 0.7, decaying": lambda g, n: curve(n) * autoregressive(g, n, 0.7),
    "correlated 0.9": lambda g, n: autoregressive(g, n, 0.9),
    "correlated 0.9, heavy tails": lambda g, n: autoregressive(g, n, 0.9, 3.0),
    "correlated 0.95": lambda g, n: autoregressive(g, n, 0.95),
    "running means of 10": moving_average,
}
"""Standard deviation about 1, where there is one."""


def pair(
    noise: str, generator: Generator, points: int, spread: float = 0.1, falls: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return two runs of one process (points,): the same curve, or a flat one, and noise of their own."""
    middle = curve(points) if falls else np.ones(points)
    first, second = (middle + spread * NOISES[noise](generator, points) for _ in range(2))
    return first, second


def unequal_batches(generator: Generator, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two runs whose skewed noise has variances 4 to 1, as with a batch 4 times as large."""
    first = curve(points) + 0.1 * lognormal(generator, points)
    second = curve(points) + 0.1 * lognormal(generator, 4 * points).reshape(points, 4).mean(axis=1)
    return first, second


def descent(
    generator: Generator,
    steps: int = 600,
    rate: float = 0.1,
    changed_at: int | None = None,
    changed_rate: float = 0.05,
    start: int | None = None,
) -> np.ndarray:
    """Return the batch losses (steps,) of a small network trained by SGD, in NumPy, batches of 32 of 4,000 examples.

    `start` is the seed of the initial weights, that of the generator if None.
    """
    data = np.random.default_rng(99)
    inputs = data.normal(size=(4000, 10))
    labels = (inputs @ data.normal(size=10) + 0.5 * np.sin(3 * inputs[:, 0]) + data.normal(size=4000) > 0) * 1.0
    drawn = generator if start is None else np.random.default_rng(start)
    hidden, output = drawn.normal(size=(10, 16)) / np.sqrt(10), drawn.normal(size=16) / 4
    losses = np.empty(steps)
    for step in range(steps):
        rows = generator.integers(0, 4000, 32)
        x, y = inputs[rows], labels[rows]
        activated = np.tanh(x @ hidden)
        logits = activated @ output
        losses[step] = np.logaddexp(0, logits).mean() - (y * logits).mean()
        error = (1 / (1 + np.exp(-logits)) - y) / len(y)
        step_size = changed_rate if changed_at is not None and step >= changed_at else rate
        gradient = x.T @ (np.outer(error, output) * (1 - activated**2))
        output = output - step_size * activated.T @ error
        hidden = hidden - step_size * gradient
    return losses
