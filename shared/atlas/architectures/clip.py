"""CLIP's vision tower: keras_hub's CLIPVisionEncoder against transformers' CLIPVisionModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES, pixels

ARCHITECTURE = Architecture(
    "CLIP vision",
    KerasModel(
        "keras_hub.models.CLIPVisionEncoder",
        {
            "patch_size": 8,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "hidden_dim": HIDDEN,
            "intermediate_dim": INNER,
            "image_shape": IMAGE,
        },
    ),
    TorchModel("CLIPVision", pixels, VISION | {"intermediate_size": INNER}),
    {"images": IMAGE},
    VISION_SIZES,
)
