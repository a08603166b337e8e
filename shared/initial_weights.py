"""Initial weights, drawn once in canonical form, so that every track starts from the same numbers."""

from collections.abc import Mapping
from math import prod, sqrt
from zlib import crc32

import numpy as np

from shared.activations import PRELU_ALPHA

CONSTANTS = {
    "bias": 0.0,
    "beta": 0.0,
    "gamma": 1.0,
    "moving_mean": 0.0,
    "moving_variance": 1.0,
    "alpha": PRELU_ALPHA,
}


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Return float32 arrays for canonical names and shapes.

    Each name has a random stream of its own, so the order of the names does not matter.
    Kernels are Glorot uniform (Glorot and Bengio 2010, equation 16).
    Raises ValueError for a name that ends in no known kind of weight.
    """
    return {name: _draw_one(name, shape, seed) for name, shape in shapes.items()}


def _draw_one(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    kind = name.rpartition(".")[2]
    if kind in CONSTANTS:
        return np.full(shape, CONSTANTS[kind], np.float32)
    if kind != "kernel":
        raise ValueError(f"no initialisation is known for the weight '{name}' of shape {shape}")
    generator = np.random.default_rng([seed, crc32(name.encode())])
    receptive_field = prod(shape[:-2])
    fan_in, fan_out = receptive_field * shape[-2], receptive_field * shape[-1]
    limit = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape).astype(np.float32)
