"""ResNet in Keras 3, of basic blocks or of bottlenecks.

Input (batch, height, width, channels 3), output features (batch, 512 or 2048). Source: He et al. 2016, as in
torchvision. Zeros stand on all sides, also at stride 2, where "same" would put them behind.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from twotrack.keras_track.backbones import block
from twotrack.shared.weights.pretrained.backbones.resnet import EPSILON, KEPT, ResNetArchitecture


def build(architecture: ResNetArchitecture, num_classes: int) -> keras.Model:
    """Return stem, stages and mean over the places; behind them the classifier if it has classes."""
    images = keras.Input((None, None, 3), name="images")
    x = conv(images, architecture.widths[0], 7, 2, "conv1")  # (batch, 112, 112, 64)
    x = layers.ReLU(name="relu")(norm("bn1")(x))
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)  # zeros are as good as -inf after a ReLU
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)  # (batch, 56, 56, 64)
    for number, (width, depth) in enumerate(zip(architecture.widths, architecture.depths, strict=True), start=1):
        settings = {"width": width, "stride": 1 if number == 1 else 2, "depth": depth}
        x = block(f"layer{number}", partial(stage, bottleneck=architecture.bottleneck, **settings), x)
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)  # from (batch, 7, 7, features) to (batch, features)
    if num_classes:
        x = layers.Dense(num_classes, name="fc")(x)
    return keras.Model(images, x, name="base")


def stage(x: Any, width: int, stride: int, depth: int, bottleneck: bool) -> Any:
    """Blocks of one width; the first has the stride."""
    compute = bottleneck_block if bottleneck else basic_block
    for number in range(depth):
        x = block(f"{number}", partial(compute, width=width, stride=1 if number else stride), x)
    return x


def basic_block(inputs: Any, width: int, stride: int) -> Any:
    """Two convolutions, and the input added."""
    x = norm("bn1")(conv(inputs, width, 3, stride, "conv1"))
    x = layers.ReLU(name="relu1")(x)
    x = norm("bn2")(conv(x, width, 3, 1, "conv2"))
    x = layers.Add(name="add")([x, shortcut(inputs, width, stride)])
    return layers.ReLU(name="relu2")(x)


def bottleneck_block(inputs: Any, width: int, stride: int) -> Any:
    """Narrow, filter, widen to four times the width, and the input added."""
    x = norm("bn1")(conv(inputs, width, 1, 1, "conv1"))
    x = layers.ReLU(name="relu1")(x)
    x = norm("bn2")(conv(x, width, 3, stride, "conv2"))
    x = layers.ReLU(name="relu2")(x)
    x = norm("bn3")(conv(x, 4 * width, 1, 1, "conv3"))
    x = layers.Add(name="add")([x, shortcut(inputs, 4 * width, stride)])
    return layers.ReLU(name="relu3")(x)


def shortcut(inputs: Any, outputs: int, stride: int) -> Any:
    """Return the input, by a convolution of one pixel where its shape is another than the outputs'."""
    if inputs.shape[-1] == outputs:
        return inputs
    return block("downsample", lambda x: norm("1")(conv(x, outputs, 1, stride, "0")), inputs)


def conv(x: Any, filters: int, kernel_size: int, stride: int, name: str) -> Any:
    """Convolution without bias, zeros on all sides."""
    if kernel_size > 1:
        x = layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(filters, kernel_size, strides=stride, use_bias=False, name=name)(x)


def norm(name: str) -> layers.Layer:
    """Batch normalisation."""
    return layers.BatchNormalization(epsilon=EPSILON, momentum=KEPT, name=name)
