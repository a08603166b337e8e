"""Layers of images: padding, order of numbers, layout of kernels as PyTorch has them by default."""

import numpy as np
import torch
from torch import nn

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.weights.bridge.layouts import dense_after_flatten
from twotrack.torch_track.defaults.common import apply
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def same_padding() -> Measured:
    """nn.Conv2d with a stride of 2 and a padding of 1."""

    def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        layer = nn.Conv2d(kernel.shape[2], 1, 3, stride=2, padding=1, bias=False)
        layer.weight.data = torch.from_numpy(kernel).permute(3, 2, 0, 1)
        return apply(layer, image)

    ones = np.ones((3, 3, 1, 1), np.float32)
    front = {size: 3 - convolve(np.ones((1, size, size, 1), np.float32), ones)[0, 0, 0, 0] ** 0.5 for size in (6, 7)}
    values = {"rows in front, even input": front[6], "rows in front, odd input": front[7]}
    return Measured(values | {"takes 'same' with a stride": _takes_same()}, convolve(samples.IMAGE, samples.KERNEL))


def _takes_same() -> bool:
    try:
        nn.Conv2d(1, 1, 3, stride=2, padding="same")
    except ValueError:
        return False
    return True


@DEFAULTS.measures
def max_pool_padding() -> Measured:
    """nn.MaxPool2d with a stride of 2 and a padding of 1, on numbers below 0."""
    layer = nn.MaxPool2d(3, stride=2, padding=1)
    rows = np.tile(np.arange(6, dtype=np.float32)[None, :, None, None], (1, 1, 6, 1))
    front = 2 - apply(layer, rows)[0, 0, 0, 0]
    edge = apply(layer, -np.ones((1, 6, 6, 1), np.float32))[0, 0, 0, 0]
    values = {"rows in front, even input": front, "corner of an image of -1": edge}
    return Measured(values, apply(layer, -np.abs(samples.IMAGE)))


@DEFAULTS.measures
def average_pool_padding() -> Measured:
    """nn.AvgPool2d with a padding of 1."""
    ones = np.ones((1, 6, 6, 1), np.float32)
    default = nn.AvgPool2d(3, stride=1, padding=1)
    values = {"corner of an image of 1": apply(default, ones)[0, 0, 0, 0]}
    aligned = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return Measured(values, apply(default, samples.IMAGE), apply(aligned, samples.IMAGE))


@DEFAULTS.measures
def flatten_order() -> Measured:
    """nn.Flatten, and a dense kernel of Keras behind it: as it is, then as the bridge reorders it."""
    counted = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    second = {1.0: "the next channel", 3.0: "the next column"}[float(apply(nn.Flatten(), counted)[0, 1])]
    kernel, flat = samples.normal(72, 4), apply(nn.Flatten(), samples.IMAGE)
    aligned = dense_after_flatten(6, 6, 2).from_canonical(kernel).T
    return Measured({"second number": second}, flat @ kernel, flat @ aligned)


@DEFAULTS.measures
def data_format() -> Measured:
    """nn.Conv2d with 4 filters."""
    return Measured({"axis of the channels": list(nn.Conv2d(2, 4, 3)(torch.zeros(1, 2, 9, 9)).shape).index(4)})


@DEFAULTS.measures
def kernel_layout() -> Measured:
    """Shapes of kernels: dense 2 to 3, convolution 3 x 3 of 2 to 4, query of attention 8 to 2 heads of 4."""
    return Measured(
        {
            "dense": samples.name_of(nn.Linear(2, 3).weight.shape),
            "convolution": samples.name_of(nn.Conv2d(2, 4, 3).weight.shape),
            "query": samples.name_of(nn.MultiheadAttention(8, 2).in_proj_weight.shape),
        }
    )
