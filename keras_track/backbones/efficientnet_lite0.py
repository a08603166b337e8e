"""EfficientNet-Lite0 in Keras 3. 3,371,008 parameters, 4,652,008 with the classifier.

Input (batch, height, width, channels 3), output features (batch, 1280). Source: Tan and Le 2019. "same" is
TensorFlow's: at stride 2 an even size gets its one row of zeros behind.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from twotrack.keras_track.backbones import block
from twotrack.shared.weights.pretrained.backbones.efficientnet_lite0 import (
    EPSILON,
    KEPT,
    Block,
    EfficientNetLite0Architecture,
)


def build(architecture: EfficientNetLite0Architecture, num_classes: int) -> keras.Model:
    """Return stem, blocks, head and mean over the places; behind them the classifier if it has classes."""
    images = keras.Input((None, None, 3), name="images")
    x = conv(architecture.stem_filters, 3, 2, "stem_conv")(images)  # (batch, 112, 112, 32)
    x = relu6("stem_relu6")(norm("stem_bn")(x))
    for number, spec in enumerate(architecture.blocks):
        x = block(f"block{number}", partial(bottleneck, spec=spec), x)  # last: (batch, 7, 7, 320)
    x = conv(architecture.feature_size, 1, 1, "head_conv")(x)
    x = relu6("head_relu6")(norm("head_bn")(x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (batch, 1280)
    if num_classes:
        x = layers.Dense(num_classes, name="classifier")(x)
    return keras.Model(images, x, name="base")


def bottleneck(inputs: Any, spec: Block) -> Any:
    """Widen, filter each channel, narrow; add the input where shapes allow it."""
    x = inputs
    if spec.expansion != 1:
        x = conv(spec.inputs * spec.expansion, 1, 1, "expand_conv")(x)
        x = relu6("expand_relu6")(norm("expand_bn")(x))
    x = depthwise(spec.kernel_size, spec.stride, "depthwise_conv")(x)
    x = relu6("depthwise_relu6")(norm("depthwise_bn")(x))
    x = norm("project_bn")(conv(spec.outputs, 1, 1, "project_conv")(x))
    return layers.Add(name="add")([x, inputs]) if spec.is_residual else x


def conv(filters: int, kernel_size: int, stride: int, name: str) -> layers.Layer:
    """Convolution without bias."""
    return layers.Conv2D(filters, kernel_size, strides=stride, padding="same", use_bias=False, name=name)


def depthwise(kernel_size: int, stride: int, name: str) -> layers.Layer:
    """Convolution of each channel by itself, without bias."""
    return layers.DepthwiseConv2D(kernel_size, strides=stride, padding="same", use_bias=False, name=name)


def norm(name: str) -> layers.Layer:
    """Batch normalisation."""
    return layers.BatchNormalization(epsilon=EPSILON, momentum=KEPT, name=name)


def relu6(name: str) -> layers.Layer:
    """min(max(x, 0), 6)."""
    return layers.ReLU(max_value=6.0, name=name)
