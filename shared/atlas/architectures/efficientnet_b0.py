"""EfficientNetB0: keras.applications' against transformers' EfficientNetModel with its values."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import BIASED_VARIANCE, Code, Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE, WIDTH, DEPTH = 64, 0.5, 0.5


def without_preparation(model: Any) -> Any:
    """Return the model from its first padding on, without what prepares pixels."""
    import keras

    return keras.Model(model.get_layer("stem_conv_pad").input, model.output)


def drop_examples(model: Any) -> None:
    """Let the dropouts of residual branches drop whole examples."""
    import torch
    from torch import nn
    from torch.nn import functional

    class DropExamples(nn.Dropout):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * functional.dropout(x.new_ones(len(x), 1, 1, 1), self.p, self.training)

    for block in model.encoder.blocks:
        block.projection.dropout = DropExamples(block.projection.dropout.p)


ARCHITECTURE = Architecture(
    "EfficientNetB0",
    KerasModel(
        "keras.src.applications.efficientnet.EfficientNet",
        {
            "width_coefficient": WIDTH,
            "depth_coefficient": DEPTH,
            "default_size": SIZE,
            "weights": None,
            "include_top": False,
            "input_shape": (SIZE, SIZE, 3),
        },
        public="keras.applications.EfficientNetB0",
    ),
    TorchModel(
        "EfficientNet",
        pixels,
        {"width_coefficient": WIDTH, "depth_coefficient": DEPTH, "image_size": SIZE, "hidden_dim": int(1280 * WIDTH)},
    ),
    (SIZE, SIZE, 3),
    f"width {WIDTH}, depth {DEPTH}, {SIZE} pixels",
    alignments=(
        Alignment(
            "pixels: Keras' model begins with Rescaling and Normalization, which transformers leaves to a processor",
            "keras",
            part=without_preparation,
            other="make pixels ready outside of both",
        ),
        Alignment(
            "BatchNorm momentum: Keras keeps 0.99 of its statistics; torch, given 0.99, takes that much of each batch",
            "torch",
            change=Layers({"momentum": 0.01}, "BatchNorm2d"),
        ),
        Alignment(
            "stochastic depth: Keras drops whole examples, transformers single numbers",
            "torch",
            change=Code(drop_examples),
        ),
        Alignment(
            "running variance: Keras averages the biased variance of batches, torch n / (n - 1) of it",
            "torch",
            change=BIASED_VARIANCE,
        ),
    ),
)
