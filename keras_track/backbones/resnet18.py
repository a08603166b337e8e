"""ResNet-18 in Keras 3. 11,176,512 parameters, 11,689,512 with the classifier.

Input (batch, height, width, channels 3), output features (batch, 512). Source: He et al. 2016, as in torchvision.
Zeros stand on all sides, also at stride 2, where "same" would put them behind.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from twotrack.keras_track.backbones import block
from twotrack.shared.weights.pretrained.backbones.resnet18 import EPSILON, KEPT, ResNet18Architecture


def build(architecture: ResNet18Architecture, num_classes: int) -> keras.Model:
    """Return stem, stages and mean over the places; behind them the classifier if it has classes."""
    images = keras.Input((None, None, 3), name="images")
    x = conv(images, architecture.widths[0], 7, 2, "conv1")  # (batch, 112, 112, 64)
    x = layers.ReLU(name="relu")(norm("bn1")(x))
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)  # zeros are as good as -inf after a ReLU
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)  # (batch, 56, 56, 64)
    for number, width in enumerate(architecture.widths, start=1):
        settings = {"width": width, "stride": 1 if number == 1 else 2, "num_blocks": architecture.num_blocks}
        x = block(f"layer{number}", partial(stage, **settings), x)
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)  # from (batch, 7, 7, 512) to (batch, 512)
    if num_classes:
        x = layers.Dense(num_classes, name="fc")(x)
    return keras.Model(images, x, name="base")


def stage(x: Any, width: int, stride: int, num_blocks: int) -> Any:
    """Blocks of one width; the first has the stride."""
    for number in range(num_blocks):
        x = block(f"{number}", partial(basic_block, width=width, stride=1 if number else stride), x)
    return x


def basic_block(inputs: Any, width: int, stride: int) -> Any:
    """Two convolutions, and the input added, by a convolution of one pixel where its shape is another."""
    x = norm("bn1")(conv(inputs, width, 3, stride, "conv1"))
    x = layers.ReLU(name="relu1")(x)
    x = norm("bn2")(conv(x, width, 3, 1, "conv2"))
    if inputs.shape[-1] != width:
        inputs = block("downsample", lambda x: norm("1")(conv(x, width, 1, stride, "0")), inputs)
    return layers.ReLU(name="relu2")(layers.Add(name="add")([x, inputs]))


def conv(x: Any, filters: int, kernel_size: int, stride: int, name: str) -> Any:
    """Convolution without bias, zeros on all sides."""
    if kernel_size > 1:
        x = layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(filters, kernel_size, strides=stride, use_bias=False, name=name)(x)


def norm(name: str) -> layers.Layer:
    """Batch normalisation."""
    return layers.BatchNormalization(epsilon=EPSILON, momentum=KEPT, name=name)
