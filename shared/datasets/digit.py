"""One digit: from a JPEG, PNG or WebP file of any size to 28 x 28 grey pixels, light on dark as in MNIST."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from twotrack.shared.datasets.photo import read_photo

SIZE = 28
INVERTED = "light background: taken as a dark digit and inverted"
_MIDDLE = 127.5


@dataclass(frozen=True)
class Digit:
    """A picture of a digit."""

    pixels: np.ndarray
    """(height 28, width 28) uint8, the digit light."""
    note: str
    """What was assumed of the file; empty if nothing."""


def read_digit(path: Path) -> Digit:
    """Return the picture's central square in grey; UserError if the file is no picture.

    MNIST's digits are light on black, those on paper dark on light. The edge tells which it is: a light one means
    paper. A grey picture of 28 x 28 with a dark edge keeps its pixels.
    """
    pixels = np.asarray(Image.fromarray(read_photo(path, SIZE)).convert("L"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    return Digit(255 - pixels, INVERTED) if edge.mean() > _MIDDLE else Digit(pixels, "")
