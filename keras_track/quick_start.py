"""Builds a model without drawing the initial values of large weights, where other values take their place at once.

Keras draws four normal numbers for each of a truncated distribution: of a large model that takes longer than a pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras
import numpy as np
from keras.src.initializers import random_initializers

from twotrack.shared.base.sizes import LARGE_WEIGHT, repeated


class _AnySeed(int):
    """The seed of an initializer that was given none: nobody can count on its values."""


class _Random:
    """Keras' random functions, but that large arrays of an initializer without a seed repeat a few numbers."""

    def __init__(self, own: Any):
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def make_default_seed(self) -> int:
        return _AnySeed(self._own.make_default_seed())

    def normal(self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
        if _is_drawn(shape, seed):
            return self._own.normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)
        return _tensor(mean + stddev * repeated(tuple(shape)), dtype)

    def truncated_normal(
        self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        if _is_drawn(shape, seed):
            return self._own.truncated_normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)
        return _tensor(mean + stddev * repeated(tuple(shape)), dtype)

    def uniform(self, shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
        if _is_drawn(shape, seed):
            return self._own.uniform(shape, minval=minval, maxval=maxval, dtype=dtype, seed=seed)
        return _tensor((minval + maxval) / 2 + (maxval - minval) / 2 * repeated(tuple(shape)), dtype)


def _is_drawn(shape: Any, seed: Any) -> bool:
    return not isinstance(seed, _AnySeed) or prod(shape) < LARGE_WEIGHT


def _tensor(values: np.ndarray, dtype: Any) -> Any:
    return keras.ops.convert_to_tensor(values, dtype=dtype or keras.config.floatx())


@contextmanager
def any_initial_values() -> Iterator[None]:
    """Let large weights that are made inside the block start with any values."""
    own = random_initializers.random
    random_initializers.random = _Random(own)
    try:
        yield
    finally:
        random_initializers.random = own
