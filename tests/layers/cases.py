"""What goes into every activation: values near and far from 0, each row an example of its own."""

from typing import get_args

import numpy as np

from twotrack.shared.by_hand import activations
from twotrack.shared.spec.activations import Activation

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


def targets(kind: Activation) -> np.ndarray:
    """Return (examples, units)."""
    return np.random.default_rng(1).normal(size=(len(inputs(kind)), UNITS))


def by_hand(kind: Activation) -> dict[str, np.ndarray]:
    """Return the activation's value, and the gradients of sum((value - targets)^2) / 2: dx, and dalpha for PReLU."""
    x = inputs(kind)
    if kind == "prelu":
        value, (d_x, d_alpha) = activations.prelu(x, ALPHA), activations.d_prelu(x, ALPHA)
        dy = value - targets(kind)
        return {"value": value, "dx": dy * d_x, "dalpha": (dy * d_alpha).sum(axis=0)}
    if kind == "softmax":
        value = activations.softmax(x)
        return {"value": value, "dx": np.einsum("bi,bij->bj", value - targets(kind), activations.d_softmax(x))}
    if kind == "swiglu":
        value = activations.swiglu(x)
        halves = [(value - targets(kind)) * one for one in activations.d_swiglu(x)]
        return {"value": value, "dx": np.concatenate(halves, axis=1)}
    function, derivative = activations.ELEMENTWISE[kind]
    return {"value": function(x), "dx": (function(x) - targets(kind)) * derivative(x)}
