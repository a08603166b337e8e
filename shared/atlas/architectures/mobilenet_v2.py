"""MobileNetV2: keras.applications' against transformers' MobileNetV2Model, width 0.35."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import BIASED_VARIANCE, Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE = 64
ARCHITECTURE = Architecture(
    "MobileNetV2",
    KerasModel(
        "keras.applications.MobileNetV2",
        {"alpha": 0.35, "weights": None, "include_top": False, "input_shape": (SIZE, SIZE, 3)},
    ),
    TorchModel("MobileNetV2", pixels, {"depth_multiplier": 0.35, "image_size": SIZE}, {"add_pooling_layer": False}),
    (SIZE, SIZE, 3),
    f"full depth, width 0.35, {SIZE} pixels",
    alignments=(
        Alignment(
            "BatchNorm momentum: Keras keeps 0.999 of its statistics; torch, given 0.997, takes that of a batch",
            "torch",
            change=Layers({"momentum": 0.001}, "BatchNorm2d"),
        ),
        Alignment(
            "running variance: Keras averages the biased variance of batches, torch n / (n - 1) of it",
            "torch",
            change=BIASED_VARIANCE,
        ),
    ),
)
