"""Positions of a sequence as vectors."""

import numpy as np


def sinusoids(length: int, size: int) -> np.ndarray:
    """Return (length, size) float64, size even: sines in the even columns, cosines in the odd ones.

    Column pair i turns at the rate 10000^(-2i / size) per place (Vaswani et al. 2017, section 3.5).
    """
    angles = np.arange(length)[:, np.newaxis] * 10_000.0 ** (-np.arange(0, size, 2) / size)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, size)
