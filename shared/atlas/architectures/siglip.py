"""SigLIP's vision tower: keras_hub's SigLIPVisionEncoder against transformers' SiglipVisionModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES


def pooled(model: Any, images: Any) -> Any:
    """Return what the attention pooling gives (batch, features)."""
    return model(images).pooler_output


ARCHITECTURE = Architecture(
    "SigLIP vision",
    KerasModel(
        "keras_hub.models.SigLIPVisionEncoder",
        {
            "patch_size": 8,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "hidden_dim": HIDDEN,
            "intermediate_dim": INNER,
            "image_shape": IMAGE,
        },
    ),
    TorchModel("SiglipVision", pooled, VISION | {"intermediate_size": INNER}),
    {"images": IMAGE},
    VISION_SIZES,
)
