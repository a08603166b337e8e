"""Fixed inputs on which both frameworks are measured; NumPy only."""

from collections.abc import Sequence

import numpy as np


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return standard normal float32 numbers, the same in every process."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


IMAGE = normal(1, 6, 6, 2)
"""(batch, height, width, channels)."""
SMALL = normal(4, 8) * np.float32(0.03)
"""So small that an epsilon of 1e-3 counts."""
SHARES = np.concatenate([normal(4, 2, seed=3), 3 + 2 * normal(4, 2, seed=4)])
"""(batch, features): the halves that two replicas get, of other means and variances."""
KERNEL = normal(3, 3, 2, 1, seed=1)
"""Of a convolution: (height, width, inputs, outputs)."""
SEQUENCE, STATE = normal(2, 5, 3), normal(2, 7, seed=1)
"""(batch, time, features) and (batch, units)."""
MASK = np.array([[True, True, True, False]])
"""(batch, time)."""
WEIGHTS = np.array([1.0, -2.0, 0.5], np.float32)
"""That an optimizer starts from."""
GRADIENTS = normal(20, 3, seed=2)
"""(steps, weights)."""
LABELS, LOGITS = np.array([0, 2, 1, 2]), np.abs(normal(4, 3)) + np.float32(0.1)
"""Classes (batch,) and numbers (batch, classes) that a loss may take for logits or for probabilities."""
SCORES = normal(300, seed=3)
POSITIVE = (SCORES + normal(300, seed=4) > 0).astype(int)
"""Labels that the scores tell about."""


def recurrent_weights(gates: int, inputs: int = 3, units: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel (inputs, gates * units), recurrent kernel (units, gates * units) and bias (gates * units,)."""
    size = gates * units
    return normal(inputs, size, seed=5), normal(units, size, seed=6), normal(size, seed=7)


def lstm_gate(output: float, state: float) -> str:
    """Name the LSTM gate that was shut while all others were open, from the output and the cell's state after a step.

    i: nothing enters. g, which takes part by its tanh: what enters is negative. o: nothing leaves.
    f: nothing changes, as the state was empty before.
    """
    if abs(state) < 1e-6:
        return "i"
    if state < 0:
        return "g"
    return "o" if abs(output) < 1e-6 else "f"


def gru_gate(output: float) -> str:
    """Name the GRU gate that was opened, from a step without inputs, kernels zero, from the state 0.5.

    z: the state stays. n: the candidate is 1, half of it enters. r: nothing to reset.
    """
    return {0.5: "z", 0.75: "n", 0.25: "r"}[round(float(output), 4)]


def one_gate(gates: int, gate: int, value: float, others: float) -> np.ndarray:
    """Return a bias (gates,) for one unit."""
    bias = np.full(gates, others, np.float32)
    bias[gate] = value
    return bias


def name_of(shape: Sequence[int]) -> str:
    """Return a shape as text, such as 3 x 3 x 2 x 4."""
    return " x ".join(map(str, shape))


def linear_step_error(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
    """Return the largest error of three dense kernels after a step that lowers the mean output for SEQUENCE[0].

    The learning rate is 1, and no layer has a bias.
    """
    x, (first, second, third) = SEQUENCE[0].mean(axis=0), [kernel.astype(np.float64) for kernel in before]
    gradients = [
        np.outer(x, second @ third),
        np.outer(x @ first, third),
        np.outer(x @ first @ second, 1.0),
    ]
    errors = [old - gradient - new for old, gradient, new in zip(before, gradients, after, strict=True)]
    return float(max(np.abs(error).max() for error in errors))
