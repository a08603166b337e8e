"""Single operations whose constants no float32 holds, and their values by NumPy and SciPy in float64."""

import numpy as np
from scipy.special import erf, softmax

WIDTH = 6
"""No square number: its root, in the scale of attention, is not exact."""
MOMENTUM, SLOPE, SCALE = 0.9, 0.1, 1 / 255
INPUTS = np.random.default_rng(4).normal(size=(4, WIDTH))
KERNEL = np.random.default_rng(5).normal(size=(WIDTH, WIDTH))


def expected() -> dict[str, np.ndarray]:
    x = INPUTS
    centred = x - x.mean(axis=1, keepdims=True)
    tanh_argument = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    logits = np.where(np.tri(len(x)) > 0, x @ x.T / np.sqrt(WIDTH), -np.inf)
    attention = softmax(logits, axis=1) @ x
    return {
        "dense": x @ KERNEL,
        "layer_norm": centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5),
        "moving_variance": MOMENTUM + (1 - MOMENTUM) * x.var(axis=0),
        "leaky_relu": np.where(x > 0, x, SLOPE * x),
        "gelu": x / 2 * (1 + erf(x / np.sqrt(2))),
        "gelu_tanh": x / 2 * (1 + np.tanh(tanh_argument)),
        "multi_head_attention": attention,
        "attention_without_scale": attention,
        "rescaling": SCALE * x,
        "l2": SCALE * (x**2).sum(),
        "mean_squared_error": (x**2).mean(),
        "cast": np.array(SCALE),
        "convert": SCALE * x,
        "integer_root": x / np.sqrt(8),
    }
