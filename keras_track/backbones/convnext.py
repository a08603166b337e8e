"""ConvNeXt in Keras 3. ConvNeXt-Tiny: 27,820,128 parameters, 28,589,128 with the classifier.

Input (batch, height, width, channels 3), output features (batch, 768). Source: Liu et al. 2022. No path is dropped.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from twotrack.keras_track.backbones import block
from twotrack.keras_track.layers import LayerScale
from twotrack.shared.weights.pretrained.backbones.convnext import (
    EPSILON,
    PATCH,
    SHRINK,
    WIDENING,
    WINDOW,
    ConvNextArchitecture,
)


def build(architecture: ConvNextArchitecture, num_classes: int) -> keras.Model:
    """Return stem, stages, mean over the places, last normalisation, and the classifier if it has classes."""
    images = keras.Input((None, None, 3), name="images")
    x = patches(architecture.widths[0], PATCH, "stem_conv")(images)  # (batch, 56, 56, 96)
    x = norm("stem_norm")(x)
    for number, (width, depth) in enumerate(zip(architecture.widths, architecture.depths, strict=True)):
        x = block(f"stage{number}", partial(stage, width=width, depth=depth, shrinks=number > 0), x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # from (batch, 7, 7, 768) to (batch, 768)
    x = norm("norm", architecture.final_epsilon)(x)
    if num_classes:
        x = layers.Dense(num_classes, name="classifier")(x)
    return keras.Model(images, x, name="base")


def stage(x: Any, width: int, depth: int, shrinks: bool) -> Any:
    """Blocks of one width, behind patches of half the height and width in all stages but the first."""
    if shrinks:
        x = patches(width, SHRINK, "shrink_conv")(norm("shrink_norm")(x))
    for number in range(depth):
        x = block(f"{number}", partial(convnext_block, width=width), x)
    return x


def convnext_block(inputs: Any, width: int) -> Any:
    """Filter each channel, then two dense layers at each place, and the input added."""
    x = layers.DepthwiseConv2D(WINDOW, padding="same", name="depthwise_conv")(inputs)
    x = layers.Dense(WIDENING * width, name="expand")(norm("norm")(x))
    x = layers.Activation(partial(keras.activations.gelu, approximate=False), name="gelu")(x)
    x = layers.Dense(width, name="project")(x)
    return layers.Add(name="add")([LayerScale(name="scale")(x), inputs])


def patches(filters: int, size: int, name: str) -> layers.Layer:
    """Convolution of patches that lie side by side; rows and columns that fill no patch are left out."""
    return layers.Conv2D(filters, size, strides=size, name=name)


def norm(name: str, epsilon: float = EPSILON) -> layers.Layer:
    """Layer normalisation over the channels of each place."""
    return layers.LayerNormalization(epsilon=epsilon, name=name)
