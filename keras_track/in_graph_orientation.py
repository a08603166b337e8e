"""How a picture file says that it is to be turned, read with TensorFlow's operations: the EXIF tag Orientation.

A JPEG has EXIF in a segment APP1, a PNG in a chunk eXIf. What cannot be read turns nothing, as in training
(shared/datasets/photo.py). Orientations of XMP, and of a PNG's chunks of text, are not looked for.
Exif 3.0 (CIPA DC-008), sections 4.5 and 4.6; PNG third edition, section 11.3.3.6.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

UPRIGHT, LAST = 1, 8
SIDEWAYS = 5
"""From here on rows become columns."""
TAG = 0x0112
SHORT, LONG = 3, 4
UNITS = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8)
"""Bytes of a value, by its type; a tag of another type is skipped."""
_EXIF = b"Exif\0\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_ROOM = 16
"""Zeros behind the last byte, so that reading over the end finds none of what is looked for."""


class Span(NamedTuple):
    """Where something is in a file; nowhere if it ends before it starts."""

    start: tf.Tensor
    end: tf.Tensor


class _File:
    """The bytes of a file."""

    def __init__(self, encoded: tf.Tensor):
        content = tf.io.decode_raw(encoded, tf.uint8)
        self.size = tf.size(content)
        self._bytes = tf.cast(tf.pad(content, [[0, _ROOM]]), tf.int32)

    def byte(self, place: tf.Tensor) -> tf.Tensor:
        """Return the bytes at places (any)."""
        return tf.gather(self._bytes, tf.clip_by_value(place, 0, self.size))

    def number(self, place: tf.Tensor, count: int, big: tf.Tensor) -> tf.Tensor:
        """Return the numbers of `count` bytes at places; what is too large for an int32 is the largest one."""
        parts = [tf.cast(self.byte(place + index), tf.int64) for index in range(count)]
        forward = sum(part * 256 ** (count - 1 - index) for index, part in enumerate(parts))
        backward = sum(part * 256**index for index, part in enumerate(parts))
        return tf.cast(tf.minimum(tf.where(big, forward, backward), tf.int32.max // 2), tf.int32)

    def has(self, place: tf.Tensor, expected: bytes) -> tf.Tensor:
        """Tell whether these bytes are at a place ()."""
        return tf.reduce_all(self.byte(place + tf.range(len(expected))) == tf.constant(list(expected)))


def upright(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Return a picture (height, width, channels) turned as its file says: Pillow's ImageOps.exif_transpose."""
    said = orientation(encoded)
    image = tf.cond(said >= SIDEWAYS, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    for axis, which in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        image = _reversed(image, axis, tf.reduce_any(said == which))
    return image


def _reversed(image: tf.Tensor, axis: int, chosen: tf.Tensor) -> tf.Tensor:
    return tf.cond(chosen, lambda: tf.reverse(image, [axis]), lambda: image)


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Return the orientation () of an encoded picture, 1 to 8."""
    file = _File(encoded)
    exif = tf.cond(file.has(tf.constant(0), _PNG), lambda: _of_png(file), lambda: _of_jpeg(file))
    start = tf.where(file.has(exif.start, _EXIF), exif.start + len(_EXIF), exif.start)
    said = _said(file, Span(start, exif.end))
    return tf.where((said >= UPRIGHT) & (said <= LAST), said, UPRIGHT)


def _walk(file: _File, first: int, step: "Callable[[tf.Tensor], tuple[tf.Tensor, Span]]") -> Span:
    """Go from part to part until one has EXIF; `step` returns the next part's place and what it found in this one."""

    def body(place: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tuple[tf.Tensor, ...]:
        following, found = step(place)
        return following, found.start, found.end

    nowhere = (tf.constant(first), tf.constant(0), tf.constant(-1))
    _, start, end = tf.while_loop(lambda place, _, end: (place + 4 <= file.size) & (end < 0), body, nowhere)
    return Span(start, end)


def _of_jpeg(file: _File) -> Span:
    def step(place: tf.Tensor) -> tuple[tf.Tensor, Span]:
        marker = file.byte(place + 1)
        length = file.number(place + 2, 2, tf.constant(True))
        is_marker = file.byte(place) == 0xFF
        alone = (marker == 0x00) | (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD9))
        skipped = tf.where(~is_marker | (marker == 0xFF), 1, tf.where(alone, 2, 2 + tf.maximum(length, 2)))
        following = tf.where(is_marker & (marker == 0xDA), file.size, place + skipped)  # the scan: EXIF stands before
        here = is_marker & (marker == 0xE1) & file.has(place + 4, _EXIF)
        return following, Span(place + 4, tf.where(here, tf.minimum(place + 2 + length, file.size), -1))

    return _walk(file, 2, step)


def _of_png(file: _File) -> Span:
    def step(place: tf.Tensor) -> tuple[tf.Tensor, Span]:
        length = tf.minimum(file.number(place, 4, tf.constant(True)), file.size)
        end = tf.minimum(place + 8 + length, file.size)
        return place + 12 + length, Span(place + 8, tf.where(file.has(place + 4, b"eXIf"), end, -1))

    return _walk(file, len(_PNG), step)


def _said(file: _File, exif: Span) -> tf.Tensor:
    """Return the value of the tag in the first directory of a TIFF header; UPRIGHT if it has none.

    As Pillow has it: a tag that claims more bytes than there are is skipped, and one whose values end outside the EXIF
    ends the directory.
    """
    big = file.has(exif.start, b"MM")
    marked = file.number(exif.start + 2, 2, tf.constant(True))
    is_header = (big | file.has(exif.start, b"II")) & ((marked == 42) | (marked == 42 << 8))
    directory = exif.start + tf.minimum(file.number(exif.start + 4, 4, big), file.size)
    whole = tf.minimum(file.number(directory, 2, big), (exif.end - directory - 2) // 12)
    entries = directory + 2 + 12 * tf.range(tf.maximum(tf.where(is_header, whole, 0), 0))
    kinds, counts = file.number(entries + 2, 2, big), file.number(entries + 4, 4, big)
    sizes = tf.cast(tf.gather(UNITS, tf.where(kinds < len(UNITS), kinds, 0)), tf.int64) * tf.cast(counts, tf.int64)
    far = exif.start + tf.minimum(file.number(entries + 8, 4, big), file.size)
    claimed = tf.where(sizes > 4, sizes, 0)
    skipped = (claimed > 0) & (tf.cumsum(claimed) > tf.cast(exif.end - exif.start, tf.int64))
    lost = (claimed > 0) & ~skipped & (tf.cast(far, tf.int64) + sizes > tf.cast(exif.end, tf.int64))
    whole_so_far = tf.cumsum(tf.cast(lost, tf.int32)) == 0
    fits = (file.number(entries, 2, big) == TAG) & ((kinds == SHORT) | (kinds == LONG)) & (counts > 0)
    fits &= whole_so_far & ~skipped
    places = tf.where(sizes > 4, far, entries + 8)
    values = tf.where(kinds == SHORT, file.number(places, 2, big), file.number(places, 4, big))
    return tf.concat([tf.boolean_mask(values, fits), [UPRIGHT]], axis=0)[0]
