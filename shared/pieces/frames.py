"""Which function of a framework an operation is part of, told by where it was called from."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from twotrack.shared.pieces.choice import Choice
from twotrack.shared.pieces.count import PieceKind

SMOOTH = {
    "_softmax", "_softmax_deprecated", "gelu", "hypot", "log_sigmoid", "log_softmax", "logaddexp", "logaddexp2",
    "logsumexp", "mish", "moments", "reduce_logsumexp", "silu", "softmax", "softplus",
}  # fmt: skip
"""Functions of frameworks that have no pieces, although they choose inside, such as the largest value before exp."""
CHOOSING = {"argmax", "argmin", "median", "one_hot", "quantile", "take", "take_along_axis"}
"""Functions of frameworks that choose a place or a row; what they compare beside that is a guard: a place counted from
the end, a zero below zero.
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


@dataclass(frozen=True)
class Part:
    """What functions of a framework an operation is part of."""

    smooth: bool = False
    choosing: bool = False
    name: str = ""
    """Of the innermost piecewise function; empty if there is none."""

    def within(self, outer: "Part") -> "Part":
        """Return it as part of what calls it."""
        return Part(self.smooth or outer.smooth, self.choosing or outer.choosing, outer.name or self.name)

    def named(self, choice: Choice) -> Choice | None:
        """Return a choice under the framework's name for it; None for one that is no piece of the model's."""
        is_row = choice.kind is PieceKind.ROW
        compares = choice.kind in (PieceKind.INTERVAL, PieceKind.CONDITION)
        if (self.smooth and not is_row) or (self.choosing and compares):
            return None
        return replace(choice, function=self.name) if self.name else choice


NO_PART = Part()


def part_of(frames: Iterable[Frame]) -> Part:
    """Return what an operation is part of, told by what is running."""
    own = [function for file, function in frames if any(package in file for package in _PACKAGES)]
    name = next((name for name in own if name in _NAMED), "")
    return Part(any(part in SMOOTH for part in own), any(part in CHOOSING for part in own), name)
