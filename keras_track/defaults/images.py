"""Layers of images: padding, order of numbers, layout of kernels as Keras has them by default."""

import numpy as np
from keras import layers

from twotrack.keras_track.defaults.common import apply
from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


def _with_kernel(layer: layers.Layer, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    layer.build(image.shape)
    layer.set_weights([kernel])
    return apply(layer, image)


@DEFAULTS.measures
def same_padding() -> Measured:
    """Conv2D with a stride of 2 and padding "same"; aligned: zeros on every side, then "valid"."""

    def convolve(image: np.ndarray, kernel: np.ndarray, padding: str = "same") -> np.ndarray:
        layer = layers.Conv2D(1, 3, strides=2, padding=padding, use_bias=False)
        return _with_kernel(layer, image, kernel)

    ones = np.ones((3, 3, 1, 1), np.float32)
    front = {size: 3 - convolve(np.ones((1, size, size, 1), np.float32), ones)[0, 0, 0, 0] ** 0.5 for size in (6, 7)}
    values = {"rows in front, even input": front[6], "rows in front, odd input": front[7]}
    padded = apply(layers.ZeroPadding2D(1), samples.IMAGE)
    outputs = convolve(samples.IMAGE, samples.KERNEL), convolve(padded, samples.KERNEL, "valid")
    return Measured(values | {"takes 'same' with a stride": True}, *outputs)


@DEFAULTS.measures
def max_pool_padding() -> Measured:
    """MaxPooling2D with a stride of 2 and padding "same", on numbers below 0; aligned: -inf on every side."""
    layer, negative = layers.MaxPooling2D(3, strides=2, padding="same"), -np.abs(samples.IMAGE)
    rows = np.tile(np.arange(6, dtype=np.float32)[None, :, None, None], (1, 1, 6, 1))
    front = 2 - apply(layer, rows)[0, 0, 0, 0]
    edge = apply(layer, -np.ones((1, 6, 6, 1), np.float32))[0, 0, 0, 0]
    values = {"rows in front, even input": front, "corner of an image of -1": edge}
    padded = np.pad(negative, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    return Measured(values, apply(layer, negative), apply(layers.MaxPooling2D(3, strides=2), padded))


@DEFAULTS.measures
def average_pool_padding() -> Measured:
    """AveragePooling2D with padding "same"."""
    layer, ones = layers.AveragePooling2D(3, strides=1, padding="same"), np.ones((1, 6, 6, 1), np.float32)
    return Measured({"corner of an image of 1": apply(layer, ones)[0, 0, 0, 0]}, apply(layer, samples.IMAGE))


@DEFAULTS.measures
def flatten_order() -> Measured:
    """Flatten, and a dense kernel behind it."""
    counted = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    second = {1.0: "the next channel", 3.0: "the next column"}[float(apply(layers.Flatten(), counted)[0, 1])]
    product = apply(layers.Flatten(), samples.IMAGE) @ samples.normal(72, 4)
    return Measured({"second number": second}, product)


@DEFAULTS.measures
def data_format() -> Measured:
    """Conv2D with 4 filters."""
    shape = apply(layers.Conv2D(4, 3), np.zeros((1, 9, 9, 2), np.float32)).shape
    return Measured({"axis of the channels": shape.index(4)})


@DEFAULTS.measures
def kernel_layout() -> Measured:
    """Shapes of kernels: dense 2 to 3, convolution 3 x 3 of 2 to 4, query of attention 8 to 2 heads of 4."""
    dense, convolution, attention = layers.Dense(3), layers.Conv2D(4, 3), layers.MultiHeadAttention(2, 4)
    dense.build((None, 2))
    convolution.build((None, 9, 9, 2))
    attention.build((None, 5, 8), (None, 5, 8))
    shapes = {"dense": dense.kernel, "convolution": convolution.kernel, "query": attention.query_dense.kernel}
    return Measured({name: samples.name_of(kernel.shape) for name, kernel in shapes.items()})
