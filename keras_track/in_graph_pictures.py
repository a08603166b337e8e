"""Decoding and resizing of pictures with TensorFlow's operations, as Pillow does them for training.

Resizing a square gives Pillow's bytes. Some tall pictures Pillow resizes in another order, which is a grey level more
or less. A PNG without transparency has its own pixels, a JPEG is within a few grey levels. Both are turned upright as
their EXIF says. For the rest the stock server has no operation: WebP is not decoded, and a large JPEG is not decoded at
a fraction of its size. Other formats, which TensorFlow could decode, are refused, as they are in training.
"""

from collections.abc import Callable

import tensorflow as tf

from twotrack.keras_track import in_graph_orientation
from twotrack.shared.datasets import photo

RGB, RGBA = 3, 4
PNG = b"\x89PNG\r\n\x1a\n"
"""How such a file begins."""
UNIT = 2.0**22
"""Pillow's coefficients are whole numbers of 2^-22."""

Decode = Callable[[tf.Tensor], tf.Tensor]


def decode(encoded: tf.Tensor, decode_picture: Decode, shape: tuple[int, ...]) -> tf.Tensor:
    """Return uint8 (batch, *shape) of encoded pictures (batch,), each decoded by `decode_picture`."""
    return tf.map_fn(decode_picture, encoded, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def grey(shape: tuple[int, ...]) -> Decode:
    """Return what decodes a grey picture that has this shape, and refuses one that has not."""

    def decode_picture(encoded: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(_known(encoded), channels=1, dct_method="INTEGER_ACCURATE")
        return tf.ensure_shape(in_graph_orientation.upright(image, encoded)[..., 0], shape)

    return decode_picture


def square(stored: tuple[int, ...], size: int) -> Decode:
    """Return what decodes a photo to (size, size, RGB 3): one of the stored shape as it is, others as files."""

    def decode_picture(encoded: tf.Tensor) -> tf.Tensor:
        image = in_graph_orientation.upright(rgb(_known(encoded)), encoded)
        as_stored = tf.reduce_all(tf.shape(image)[:2] == stored)
        return resize(tf.cond(as_stored, lambda: image, lambda: fit(image, photo.SIZE)), size)

    return decode_picture


def _known(encoded: tf.Tensor) -> tf.Tensor:
    """Return an encoded picture (), unless it is neither JPEG nor PNG."""
    is_png = tf.strings.substr(encoded, 0, len(PNG)) == PNG
    message = ["Unknown image file format: expected a JPEG or PNG picture, found something else"]
    with tf.control_dependencies([tf.debugging.Assert(tf.io.is_jpeg(encoded) | is_png, message)]):
        return tf.identity(encoded)


def rgb(encoded: tf.Tensor) -> tf.Tensor:
    """Return (height, width, RGB 3) uint8, transparent pixels on white."""
    return tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, channels=RGB, dct_method="INTEGER_ACCURATE"),
        lambda: _on_white(tf.io.decode_png(encoded, channels=RGBA)),
    )


def _on_white(image: tf.Tensor) -> tf.Tensor:
    opacity = tf.cast(image[..., RGB:], tf.float32) / 255
    return tf.cast(tf.round(tf.cast(image[..., :RGB], tf.float32) * opacity + 255 * (1 - opacity)), tf.uint8)


def fit(image: tf.Tensor, size: int) -> tf.Tensor:
    """Return the central square (size, size, RGB 3) of a picture (height, width, RGB 3): Pillow's ImageOps.fit."""
    height, width = (tf.cast(side, tf.float64) for side in tf.unstack(tf.shape(image)[:2]))
    side = tf.minimum(height, width)
    rows, columns = (_coefficients(whole, (whole - side) / 2, side, size) for whole in (height, width))
    return _resample(image, rows, columns)


def resize(pictures: tf.Tensor, size: int) -> tf.Tensor:
    """Return uint8 (..., size, size, channels) of pictures (..., height, width, channels): Pillow's bilinear."""
    sides = tf.unstack(tf.cast(tf.shape(pictures)[-3:-1], tf.float64))
    rows, columns = (_coefficients(side, tf.zeros((), tf.float64), side, size) for side in sides)
    return _resample(pictures, rows, columns)


def _coefficients(whole: tf.Tensor, start: tf.Tensor, length: tf.Tensor, size: int) -> tf.Tensor:
    """Return what each pixel adds to each of `size` new ones on [start, start + length]: (new, old), whole numbers.

    A triangle as wide as a new pixel, or an old one if that is wider; its values add up to 2^22.
    """
    scale = length / size
    width = tf.maximum(scale, 1.0)
    centres = start + (tf.range(size, dtype=tf.float64) + 0.5) * scale
    distances = tf.abs(tf.range(whole) - centres[:, tf.newaxis] + 0.5) * (1 / width)
    triangle = tf.maximum(1 - distances, 0)
    shares = triangle / tf.reduce_sum(triangle, axis=1, keepdims=True)
    return tf.floor(shares * UNIT + 0.5)


def _resample(pictures: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Return uint8 (..., new rows, new columns, channels), rounded after either direction; float64 is exact here."""
    wide = _rounded(tf.einsum("ow,...hwc->...hoc", columns, tf.cast(pictures, tf.float64)))
    return tf.cast(_rounded(tf.einsum("oh,...hwc->...owc", rows, wide)), tf.uint8)


def _rounded(sums: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.floor(sums / UNIT + 0.5), 0, 255)
