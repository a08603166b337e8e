"""Vision Transformer in Keras 3: keras_hub's ViTBackbone, with the layer-norm epsilon of the config. No dropout.

Input (batch, height, width, channels 3), output features (batch, hidden_size): the class token's last state.
Source: Dosovitskiy et al. 2021.
"""

import keras
from keras import layers

from twotrack.keras_track.hub import ViTBackbone
from twotrack.shared.weights.pretrained.backbones.vit import VisionTransformerConfig


def build(config: VisionTransformerConfig, num_classes: int) -> keras.Model:
    """Return the class token's last state; behind it the classifier if it has classes."""
    backbone = ViTBackbone(
        image_shape=(config.image_size, config.image_size, 3),
        patch_size=config.patch_size,
        num_layers=config.num_hidden_layers,
        num_heads=config.num_attention_heads,
        hidden_dim=config.hidden_size,
        mlp_dim=config.intermediate_size,
        layer_norm_epsilon=config.layer_norm_eps,
    )
    x = backbone.output[:, 0]  # from (batch, 197, 768) to (batch, 768)
    if num_classes:
        x = layers.Dense(num_classes, name="classifier")(x)
    return keras.Model(backbone.input, x, name="base")
