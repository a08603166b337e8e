"""CLIP's vision tower: keras_hub's CLIPVisionEncoder against transformers' CLIPVisionModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES


def states(model: Any, images: Any) -> Any:
    """Return the normalised states (batch, places, features); transformers normalises the pooled one only."""
    return model.post_layernorm(model(images).last_hidden_state)


def count_positions(model: Any) -> None:
    """Number the patches."""
    import numpy as np

    embedding = next(layer for layer in model.layers if hasattr(layer, "position_ids"))
    embedding.position_ids.assign(np.arange(embedding.position_ids.shape[1])[None])


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
    TorchModel("CLIPVision", states, VISION | {"intermediate_size": INNER}),
    {"images": IMAGE},
    VISION_SIZES,
    alignments=(
        Alignment(
            "positions: keras_hub's position_ids are zeros until a preset is loaded: every patch has the first one",
            "keras",
            change=Code(count_positions),
        ),
    ),
)
