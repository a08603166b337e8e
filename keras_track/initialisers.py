"""Shared laws of initial weights as Keras' initialisers."""

from math import sqrt

import keras

from twotrack.shared.spec.initialisers import TRUNCATED, Filled, Initialiser, OrthogonalStart, Scaled, Spread

_DISTRIBUTIONS = {"uniform": "uniform", "normal": "untruncated_normal", "truncated": "truncated_normal"}


def build(spec: Initialiser, seed: int | None = None) -> keras.initializers.Initializer:
    """Return what a Keras layer takes as kernel_initializer, with the seed explicit."""
    match spec:
        case Filled(value):
            return keras.initializers.Constant(value)
        case Scaled(gain, fan, distribution):
            return keras.initializers.VarianceScaling(gain, _fan(fan), _DISTRIBUTIONS[distribution], seed)
        case OrthogonalStart(gain):
            return keras.initializers.Orthogonal(gain, seed)
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
