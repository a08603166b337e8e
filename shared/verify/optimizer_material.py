"""What the rung `optimizer` gives to an optimizer: parameters of no model, and gradients of every kind.

A difference of two optimizers shows only where gradients reach it: a clipping norm on a large one, an epsilon on a
small one, AMSGrad after a peak, moving averages and schedules after many steps. So each element of a parameter gets
gradients of one kind over all steps, and each parameter has elements of all kinds.
"""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

CHECKPOINTS = (1, 2, 3, 5, 10, 25, 50, 100, 101, 200, 500, 1000, 2000)
"""Steps after which parameters are compared."""
STEPS = CHECKPOINTS[-1]
SHAPES = {
    "embedding.embeddings": (12, 8),
    "hidden.kernel": (8, 12),
    "hidden.bias": (12,),
}
"""Canonical; optimizers tell parameters apart by name and by number of axes."""
SPARSE, SPARSE_SHARE = "embedding.embeddings", 0.3
"""The parameter whose rows have a gradient in a share of the steps only; the last row has none."""
SILENT_EVERY = 50
"""One step in so many has no gradient at all."""


def draw_parameters() -> dict[str, np.ndarray]:
    """Return float64 parameters near 1, by canonical name."""
    return {name: 1 + 0.1 * _generator(name, "values").normal(size=shape) for name, shape in SHAPES.items()}


def draw_gradients() -> dict[str, np.ndarray]:
    """Return float64 gradients (steps, ...) by canonical name."""
    return {name: _gradients(name, shape) for name, shape in SHAPES.items()}


def _gradients(name: str, shape: tuple[int, ...]) -> np.ndarray:
    generator = _generator(name, "gradients")
    normal = generator.normal(size=(STEPS, int(np.prod(shape))))
    kinds = [_KINDS[element % len(_KINDS)](normal[:, element], generator) for element in range(normal.shape[1])]
    gradients = np.stack(kinds, axis=1).reshape(STEPS, *shape)
    if name == SPARSE:
        rows = generator.random((STEPS, shape[0])) < SPARSE_SHARE
        rows[:, -1] = False
        gradients = gradients * rows[..., None]
    gradients[SILENT_EVERY // 2 :: SILENT_EVERY] = 0.0
    return gradients


def _generator(name: str, use: str) -> np.random.Generator:
    return np.random.default_rng([crc32(name.encode()), crc32(use.encode())])


def _ordinary(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return normal


def _tiny(normal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Around and far below every usual epsilon, one size per element."""
    return normal * 10 ** generator.uniform(-12, -6)


def _huge(normal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A million times as large in one step of fifty, and in the third."""
    peaks = generator.random(STEPS) < 0.02
    peaks[2] = True
    return normal * np.where(peaks, 1e6, 1.0)


def _sign_flipping(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.abs(normal) * np.where(np.arange(STEPS) % 2, -1.0, 1.0)


def _growing(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return normal * np.geomspace(1e-4, 1e2, STEPS)


def _resting(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Zero in ten steps of twenty."""
    return normal * (np.arange(STEPS) // 10 % 2 == 0)


def _steady(normal: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Of one sign: the parameter goes far."""
    return np.abs(normal)


_KINDS: Sequence[Callable[[np.ndarray, np.random.Generator], np.ndarray]] = (
    _ordinary,
    _tiny,
    _huge,
    _sign_flipping,
    _growing,
    _resting,
    _steady,
)
