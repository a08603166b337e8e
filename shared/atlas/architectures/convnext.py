"""ConvNeXt: keras.applications' against transformers' ConvNextModel, four stages of one block."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel

SIZE, WIDTHS, DEPTHS = 64, [16, 32, 64, 128], [1, 1, 1, 1]


def pooled(model: Any, images: Any) -> Any:
    """Return the normalised mean over the places (batch, features)."""
    return model(images).pooler_output


ARCHITECTURE = Architecture(
    "ConvNeXt",
    KerasModel(
        "keras.src.applications.convnext.ConvNeXt",
        {
            "depths": DEPTHS,
            "projection_dims": WIDTHS,
            "weights": None,
            "include_top": False,
            "include_preprocessing": False,
            "pooling": "avg",
            "input_shape": (SIZE, SIZE, 3),
        },
        public="keras.applications.ConvNeXtTiny",
    ),
    TorchModel("ConvNext", pooled, {"hidden_sizes": WIDTHS, "depths": DEPTHS, "image_size": SIZE}),
    (SIZE, SIZE, 3),
    f"4 stages of 1 block, 16 to 128 filters, {SIZE} pixels",
    alignments=(
        Alignment(
            "LayerNorm epsilon: 1e-6 in Keras everywhere, 1e-12 behind the pooling in transformers",
            "torch",
            {"layer_norm_eps": 1e-6},
        ),
    ),
)
