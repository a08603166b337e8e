"""A pretrained image network with a new head in Keras 3. With EfficientNet-Lite0 3,377,413 parameters.

Input images (batch, 96, 96, channels 3), normalised, output logits (batch, classes 5).
Source: EfficientNet: Tan and Le 2019; ResNet: He et al. 2016; ViT: Dosovitskiy et al. 2021.
"""

import keras

from twotrack.keras_track import backbones
from twotrack.keras_track.layers import head
from twotrack.shared.chapters.shop_transfer import Config, backbone


def build(config: Config) -> keras.Model:
    """Return the network: head(base(images))."""
    chosen = backbone(config)
    images = keras.Input((config.size, config.size, 3), name="images")
    features = backbones.build(chosen)(images)  # (batch, 1280)
    logits = head(chosen.feature_size, config.num_classes, config.dropout)(features)
    return keras.Model(images, logits, name="shop_transfer")
