"""Small backbones with random weights and a classifier as pairs for the ladder."""

import importlib
from typing import Any

from twotrack import SGD, Pair
from twotrack.shared.weights.pretrained.backbones import FAMILIES, convnext, efficientnet_lite0, resnet, vit
from twotrack.shared.weights.pretrained.backbones.efficientnet_lite0 import Block

NUM_CLASSES = 3
# Short, as JAX takes seconds to compile each block, but with every kind of block that the whole networks have.
RESNET = resnet.ResNetArchitecture(depths=(1, 1), widths=(4, 6))
BOTTLENECKS = resnet.ResNetArchitecture(depths=(2, 1), widths=(2, 3), bottleneck=True)
CONVNEXT = convnext.ConvNextArchitecture(depths=(1, 1), widths=(4, 6))
EFFICIENTNET = efficientnet_lite0.EfficientNetLite0Architecture(
    stem_filters=4,
    blocks=(Block(3, 1, 1, 4, 4), Block(5, 2, 2, 4, 6)),
    feature_size=9,
)
VIT = vit.VisionTransformerConfig(
    model_type="vit",
    hidden_size=12,
    num_hidden_layers=1,
    num_attention_heads=3,
    intermediate_size=20,
    layer_norm_eps=1e-3,
    image_size=24,
    patch_size=8,
)


def pair(name: str, architecture: Any, height: int, width: int) -> Pair:
    """Return both tracks' networks with a classifier of three classes."""
    family = FAMILIES[name]
    return Pair(
        lambda: importlib.import_module(f"twotrack.keras_track.backbones.{family}").build(architecture, NUM_CLASSES),
        lambda: importlib.import_module(f"twotrack.torch_track.backbones.{family}").build(architecture, NUM_CLASSES),
        (height, width, 3),
        "cross_entropy",
        SGD(0.01, momentum=0.9),
        batch_size=4,
    )


def fine_tuned_pair(size: int) -> Pair:
    """Return a network of two parts, base and head, of which the head and the base's last block are trained."""

    def build_keras() -> Any:
        import keras

        from twotrack.keras_track.backbones.efficientnet_lite0 import build

        images, base = keras.Input((size, size, 3)), build(EFFICIENTNET, 0)
        layers = [keras.Input((EFFICIENTNET.feature_size,)), keras.layers.Dense(NUM_CLASSES, name="logits")]
        return keras.Model(images, keras.Sequential(layers, name="head")(base(images)))

    def build_torch() -> Any:
        from collections import OrderedDict

        from torch import nn

        from twotrack.torch_track.backbones.efficientnet_lite0 import build

        head = nn.Sequential(OrderedDict(logits=nn.Linear(EFFICIENTNET.feature_size, NUM_CLASSES)))
        return nn.Sequential(OrderedDict(base=build(EFFICIENTNET, 0), head=head))

    trained = ("head.", "base.block1.", "base.head_conv.", "base.head_bn.")
    return Pair(build_keras, build_torch, (size, size, 3), "cross_entropy", SGD(0.01), trainable=trained, batch_size=4)


# One side odd and one even at every stride: 33, 17, 9 and 48, 24, 12.
RESNET_18 = pair("resnet18", RESNET, 33, 48)
RESNET_50 = pair("resnet50", BOTTLENECKS, 33, 48)
CONVNEXT_TINY = pair("convnext_tiny", CONVNEXT, 33, 48)
EFFICIENTNET_LITE = pair("efficientnet_lite0", EFFICIENTNET, 33, 48)
VISION_TRANSFORMER = pair("vit", VIT, 24, 24)
FINE_TUNED = fine_tuned_pair(32)
