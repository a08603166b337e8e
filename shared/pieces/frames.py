"""Which function of a framework an operation is part of, told by where it was called from."""

import sys
from collections.abc import Iterable, Iterator

SMOOTH = {
    "_softmax", "_softmax_deprecated", "gelu", "hypot", "log_sigmoid", "log_softmax", "logaddexp", "logaddexp2",
    "logsumexp", "mish", "moments", "one_hot", "reduce_logsumexp", "silu", "softmax", "softplus", "take",
    "take_along_axis",
}  # fmt: skip
"""Functions of frameworks that have no pieces, although they choose inside: a maximum that only avoids an overflow, a
place counted from the end.
"""
_NAMED = {
    "celu", "clip", "elu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "relu",
    "relu6", "selu", "soft_shrink", "soft_sign", "softsign", "squareplus", "threshold",
}  # fmt: skip
"""Functions of frameworks that are piecewise as a whole, and made of maxima and comparisons."""
_PACKAGES = ("/jax/_src/", "/keras/src/", "/tensorflow/python/")

Frame = tuple[str, str]
"""File and function."""


def running() -> Iterator[Frame]:
    """Yield what is being called, the innermost function first."""
    frame = sys._getframe(1)
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back  # type: ignore[assignment]


def framework_function(frames: Iterable[Frame]) -> tuple[bool, str]:
    """Tell whether an operation only serves a smooth function, and which piecewise function it is part of."""
    own = [function for file, function in frames if any(package in file for package in _PACKAGES)]
    return any(function in SMOOTH for function in own), next((name for name in own if name in _NAMED), "")
