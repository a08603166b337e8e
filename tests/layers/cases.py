"""What goes into every activation: values near and far from 0, each row an example of its own."""

from typing import get_args

import numpy as np

from shared.activations import Activation
from shared.by_hand import activations

KINDS: tuple[Activation, ...] = get_args(Activation)
KINKED: tuple[Activation, ...] = ("relu", "leaky_relu", "prelu")
"""Those without a derivative at 0."""
UNITS = 6
_POINTS = np.array([1e-12, 1e-3, 0.1, 0.5, 1.0, 1.7, 2.5, 4.0, 6.0, 10.0, 37.0, 700.0])
POINTS = np.concatenate([-_POINTS[::-1], _POINTS])
ALPHA = np.linspace(-0.5, 1.5, UNITS)
"""Slopes of PReLU below 0."""


def inputs(kind: Activation) -> np.ndarray:
    """Return (examples, inputs of the activation): all points, and rows of mixed sizes; for SwiGLU all pairs.

    With a 0, where there is a derivative at 0.
    """
    if kind == "swiglu":
        a, b = (half.reshape(-1, UNITS) for half in np.meshgrid(np.append(0.0, POINTS[1:]), POINTS))
        return np.concatenate([a, b], axis=1)
    mixed = np.random.default_rng(0).normal(size=(8, UNITS)) * np.logspace(-3, 2.5, 8)[:, None]
    mixed[0, 0] = mixed[0, 0] if kind in KINKED else 0.0
    return np.concatenate([POINTS.reshape(-1, UNITS), mixed])


def upstream(kind: Activation) -> np.ndarray:
    """Return the derivative (examples, units) that arrives from the layer above."""
    return np.random.default_rng(1).normal(size=(len(inputs(kind)), UNITS))


def by_hand(kind: Activation) -> dict[str, np.ndarray]:
    """Return the activation's value, and what its backward pass hands on: dx, and dalpha for PReLU."""
    x, dy = inputs(kind), upstream(kind)
    if kind == "prelu":
        dx, dalpha = activations.d_prelu(x, ALPHA)
        return {"value": activations.prelu(x, ALPHA), "dx": dy * dx, "dalpha": (dy * dalpha).sum(axis=0)}
    if kind == "softmax":
        dx = np.einsum("bi,bij->bj", dy, activations.d_softmax(x))
        return {"value": activations.softmax(x), "dx": dx}
    if kind == "swiglu":
        return {"value": activations.swiglu(x), "dx": np.concatenate([dy * one for one in activations.d_swiglu(x)], 1)}
    value, derivative = activations.ELEMENTWISE[kind]
    return {"value": value(x), "dx": dy * derivative(x)}
