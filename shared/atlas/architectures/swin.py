"""Swin: keras_hub's SwinTransformerBackbone against transformers' SwinModel, two stages of two blocks."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import EAGER, IMAGE, pixels

DEPTHS, HEADS, WIDTH, WINDOW = [2, 2], [2, 4], 16, 4


def drop_both_branches(model: Any) -> None:
    """Let the other branch of each block be dropped too."""
    for stage in model.encoder.layers:
        for block in stage.blocks:
            block.mlp.register_forward_hook(lambda layer, given, output, block=block: block.drop_path(output))


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
    alignments=(
        Alignment(
            "stochastic depth: Keras drops both branches of a block, transformers that of attention only",
            "torch",
            change=Code(drop_both_branches),
            other="`drop_path=0.0` and `drop_path_rate=0.0`",
        ),
    ),
    note=(
        "transformers' model keeps the window of the smallest picture that it has seen: after one that is no larger "
        "than a window, larger ones are no longer computed as before."
    ),
)
