"""Swin: keras_hub's SwinTransformerBackbone against transformers' SwinModel, two stages of two blocks."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import EAGER, IMAGE, pixels

DEPTHS, HEADS, WIDTH, WINDOW = [2, 2], [2, 4], 16, 4
ARCHITECTURE = Architecture(
    "Swin",
    KerasModel(
        "keras_hub.models.SwinTransformerBackbone",
        {"image_shape": IMAGE, "embed_dim": WIDTH, "depths": DEPTHS, "num_heads": HEADS, "window_size": WINDOW},
    ),
    TorchModel(
        "Swin",
        pixels,
        EAGER
        | {
            "image_size": IMAGE[0],
            "embed_dim": WIDTH,
            "depths": DEPTHS,
            "num_heads": HEADS,
            "window_size": WINDOW,
        },
        {"add_pooling_layer": False},
    ),
    IMAGE,
    f"2 stages of 2 blocks, 16 and 32 features, windows of {WINDOW}, {IMAGE[0]} pixels",
)
