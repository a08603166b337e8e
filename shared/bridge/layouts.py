"""How a torch parameter is laid out against its canonical form, as pairs of exact array operations."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layout:
    """An axis order: canonical axis i is torch axis `axes[i]`; () keeps the array as it is.

    `flattened` is the (height, width, channels) behind a Flatten before a dense layer: torch counts
    its inputs channel first, the canonical form channel last.
    """

    axes: tuple[int, ...] = ()
    flattened: tuple[int, int, int] | None = None

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Return a torch array in canonical form."""
        canonical = array.transpose(self.axes) if self.axes else array
        if self.flattened:
            height, width, channels = self.flattened
            by_channel = canonical.reshape(channels, height, width, -1)
            canonical = by_channel.transpose(1, 2, 0, 3).reshape(canonical.shape)
        return np.ascontiguousarray(canonical)

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Return a canonical array in torch's form; the exact inverse of `to_canonical`."""
        if self.flattened:
            by_place = array.reshape(*self.flattened, -1)
            array = by_place.transpose(2, 0, 1, 3).reshape(array.shape)
        return np.ascontiguousarray(array.transpose(np.argsort(self.axes)) if self.axes else array)


SAME = Layout()
DENSE = Layout((1, 0))
"""(outputs, inputs) to (inputs, outputs)."""
CONV2D = Layout((2, 3, 1, 0))
"""(outputs, inputs, height, width) to (height, width, inputs, outputs)."""


def dense_after_flatten(height: int, width: int, channels: int) -> Layout:
    """(outputs, channels*height*width) to (height*width*channels, outputs)."""
    return Layout((1, 0), (height, width, channels))
