"""Shared laws of initial weights as Keras' initialisers."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import keras

from twotrack.shared.spec.initialisers import TRUNCATED, Blocks, Filled, Initialiser, OrthogonalStart, Scaled, Spread

_DISTRIBUTIONS = {"uniform": "uniform", "normal": "untruncated_normal", "truncated": "truncated_normal"}


def build(spec: Initialiser, seed: int | None = None) -> keras.initializers.Initializer:
    """Return what a Keras layer takes as kernel_initializer, with the seed explicit."""
    match spec:
        case Filled(value):
            return keras.initializers.Constant(value)
        case Scaled(gain, fan, distribution):
            return keras.initializers.VarianceScaling(gain, _fan(fan), _DISTRIBUTIONS[distribution], seed)
        case OrthogonalStart(gain, 1):
            return keras.initializers.Orthogonal(gain, seed)
        case OrthogonalStart(gain, blocks):
            seeds = [None if seed is None else seed + number for number in range(blocks)]
            return InBlocks([keras.initializers.Orthogonal(gain, one) for one in seeds])
        case Blocks(values):
            return InBlocks([keras.initializers.Constant(value) for value in values])
    return _spread(spec, seed)


def _fan(fan: str) -> str:
    return "fan_avg" if fan == "average" else f"fan_{fan}"


def _spread(spec: Spread, seed: int | None) -> keras.initializers.Initializer:
    """Return one whose size does not depend on the shape; Keras states a truncated one before it is cut off."""
    match spec.distribution:
        case "uniform":
            limit = sqrt(3) * spec.deviation
            return keras.initializers.RandomUniform(-limit, limit, seed)
        case "truncated":
            return keras.initializers.TruncatedNormal(0.0, spec.deviation / TRUNCATED, seed)
    return keras.initializers.RandomNormal(0.0, spec.deviation, seed)


@keras.saving.register_keras_serializable(package="twotrack")
class InBlocks(keras.initializers.Initializer):
    """Blocks of equal size along the last axis, each by an initialiser of its own: the gates of a recurrent layer."""

    def __init__(self, parts: Sequence[Any]):
        self.parts = [keras.initializers.get(part) for part in parts]

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return a weight of a shape (..., outputs)."""
        part = (*shape[:-1], shape[-1] // len(self.parts))
        return keras.ops.concatenate([one(part, dtype=dtype) for one in self.parts], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"parts": [keras.initializers.serialize(one) for one in self.parts]}
