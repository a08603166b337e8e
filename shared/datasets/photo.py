"""One photo: from a JPEG, PNG or WebP file of any size and kind to a square of RGB pixels."""

import stat
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from twotrack.shared.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP")
SIZE = 160
"""Pixels of a side, as stored."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the EXIF tag Orientation; 1 is upright."""
DRAFT = 2
"""A JPEG is decoded at a half, a quarter or an eighth of its size, as long as this many times the size is left."""


class BrokenPhotoError(Exception):
    """The file is no photo that can be decoded; the message says why."""


def read_photo(path: Path, size: int = SIZE) -> np.ndarray:
    """Return the photo's central square (size, size, RGB 3) uint8; UserError if the file is no photo."""
    try:
        with warnings.catch_warnings():  # that Pillow has before this module's error about too many pixels
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", "Corrupt EXIF data")
            return read(path, size)
    except BrokenPhotoError as error:
        expected = ", ".join(FORMATS[:-1]) + f" or {FORMATS[-1]}"
        raise UserError(f"{path}: expected a photo ({expected}), found: {error}; name another file.") from error


def read(path: Path, size: int) -> np.ndarray:
    """Return what `decode` makes of a file; what is no file is not opened, for a pipe would make us wait."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BrokenPhotoError("a folder or a device, not a file")
        with path.open("rb") as stream:
            return decode(stream, size)
    except OSError as error:
        raise BrokenPhotoError(error.strerror or str(error)) from error


def decode(stream: BinaryIO, size: int) -> np.ndarray:
    """Return the picture's central square (size, size, RGB 3) uint8, upright as its EXIF says, on white.

    The short side becomes `size` pixels, bilinear and averaging where it shrinks. BrokenPhotoError with the reason.
    """
    try:
        return _square(stream, size)
    except UnidentifiedImageError as error:
        stream.seek(0)
        reason = "no JPEG, PNG or WebP picture" if stream.read(1) else "an empty file"
        raise BrokenPhotoError(reason) from error
    except BrokenPhotoError:
        raise
    except Exception as error:  # of a damaged file a decoder raises whatever it stumbles over
        raise BrokenPhotoError(f"damaged: {str(error) or type(error).__name__}") from error


def _square(stream: BinaryIO, size: int) -> np.ndarray:
    with _opened(stream) as image:
        image.draft(image.mode, (DRAFT * size, DRAFT * size))
        image.load()
        return np.asarray(ImageOps.fit(_rgb(_upright(image)), (size, size), Image.Resampling.BILINEAR))


def _opened(stream: BinaryIO) -> Image.Image:
    """Open the picture, whose pixels are not decoded yet; Pillow itself only warns up to twice its limit."""
    most = Image.MAX_IMAGE_PIXELS or sys.maxsize
    try:
        image = Image.open(stream, formats=FORMATS)
        pixels = image.width * image.height
    except Image.DecompressionBombError:
        pixels = None
    if pixels is None or pixels > most:
        raise BrokenPhotoError(f"more than {most:,} pixels, which a small file can claim to have")
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turn a loaded picture as its EXIF says; EXIF that cannot be read says nothing."""
    try:
        said = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # of damaged EXIF Pillow raises whatever it stumbles over
        return image
    method = _TURNS.get(said)
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Return RGB pixels, transparent ones on white."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow itself would cut off all but the darkest
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
