"""DINOv2: keras_hub's DINOV2Backbone against transformers' Dinov2Model."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES, pixels

ARCHITECTURE = Architecture(
    "DINOv2",
    KerasModel(
        "keras_hub.models.DINOV2Backbone",
        {
            "patch_size": 8,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "hidden_dim": HIDDEN,
            "intermediate_dim": INNER,
            "image_shape": IMAGE,
            "position_embedding_shape": IMAGE,
        },
    ),
    TorchModel("Dinov2", pixels, VISION | {"mlp_ratio": INNER // HIDDEN}),
    {"images": IMAGE},
    VISION_SIZES,
)
