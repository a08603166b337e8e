"""Random changes to pictures that leave their class as it is: uint8 to uint8, so that every track sees the same bytes.

On 2 cores of an AMD EPYC a batch of 32 photos of 160 x 160 takes 17 ms (python -m tests.benchmarks.photos).
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from twotrack.shared.spec.inputs import ONLY, Inputs

LUMA = tuple(np.float32(share) for share in (0.299, 0.587, 0.114))
"""Shares of the channels in grey (ITU-R BT.601)."""
ASPECTS = (3 / 4, 4 / 3)
"""Least and largest ratio of a crop's width to its height."""


@dataclass(frozen=True)
class Augment:
    """Random resized crop, horizontal flip, and jitter of brightness, contrast and saturation, in this order.

    Pictures are uint8 (batch, height, width) or (batch, height, width, RGB 3), before and after.
    """

    crop: float = 0.6
    """A crop's least share of the picture's area; 1 for no crops."""
    flip: bool = True
    """Every second picture, by chance."""
    jitter: float = 0.2
    """Each of the three factors is drawn from 1 - jitter to 1 + jitter; 0 for none."""

    def __call__(self, inputs: Inputs, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Return what `change` makes of the only input."""
        return {ONLY: self.change(inputs[ONLY], generator)}

    def change(self, pictures: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return other pictures; the same ones for a generator in the same state."""
        if self.crop < 1:
            pictures = crop(pictures, *draw_boxes(pictures.shape[:3], self.crop, generator))
        if self.flip:
            pictures = flip(pictures, generator.random(len(pictures)) < 0.5)
        if self.jitter:
            pictures = adjust(pictures, *generator.uniform(1 - self.jitter, 1 + self.jitter, (3, len(pictures))))
        return pictures


def draw_boxes(
    shape: tuple[int, int, int], least: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a box in each picture of shape (batch, height, width), of `least` or more of its area.

    Return top left corners (batch, 2) and sizes (batch, 2), x before y, in pixels and parts of them.
    A box that would be wider or higher than the picture is cut to it.
    """
    batch, height, width = shape
    area = generator.uniform(least, 1, batch) * height * width
    low, high = (math.log(ratio) for ratio in ASPECTS)
    aspect = np.exp(generator.uniform(low, high, batch))
    whole = np.array([width, height], float)
    sizes = np.minimum(np.sqrt(np.stack([area * aspect, area / aspect], axis=1)), whole)
    return generator.random((batch, 2)) * (whole - sizes), sizes


def crop(pictures: np.ndarray, corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return each picture's box, resized to the whole picture, bilinear."""
    height, width = pictures.shape[1:3]
    cropped = np.empty_like(pictures)
    for number, (picture, corner, size) in enumerate(zip(pictures, corners, sizes, strict=True)):
        # The sum of two floats can lie beyond the border by a rounding error, which Pillow refuses.
        box = (*corner, *np.minimum(corner + size, (width, height)))
        cropped[number] = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR, box)
    return cropped


def flip(pictures: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the pictures, mirrored left to right where `chosen` (batch,) is true."""
    flipped = pictures.copy()
    flipped[chosen] = pictures[chosen, :, ::-1]
    return flipped


def adjust(pictures: np.ndarray, brightness: np.ndarray, contrast: np.ndarray, saturation: np.ndarray) -> np.ndarray:
    """Return the pictures with changed light; factors (batch,), 1 leaves a picture as it is.

    Brightness scales the pixels; contrast moves them away from the picture's mean grey, saturation away from
    their own grey. All three are linear, so one formula does them, and is rounded and cut to 0..255 once.
    """
    adjusted = np.empty_like(pictures)
    for result, picture, *factors in zip(adjusted, pictures, brightness, contrast, saturation, strict=True):
        result[...] = _adjust(picture, *factors)
    return adjusted


def _adjust(picture: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    grey = luminance(picture)
    strength = brightness * contrast
    rest = np.float32(strength * (1 - saturation)) * grey
    rest += np.float32(brightness * (1 - contrast) * grey.mean(dtype=np.float64))
    changed = picture * np.float32(strength * saturation)
    changed += rest if picture.ndim == 2 else rest[..., np.newaxis]
    return np.clip(np.rint(changed, out=changed), 0, 255, out=changed)


def luminance(picture: np.ndarray) -> np.ndarray:
    """Return the grey (height, width) float32 of a picture, RGB or grey.

    Summed here and not by a matrix product, whose rounding can depend on the number of threads.
    """
    if picture.ndim == 2:
        return picture.astype(np.float32)
    red, green, blue = (picture[..., channel] * share for channel, share in enumerate(LUMA))
    return red + green + blue
