"""DeiT: keras_hub's DeiTBackbone against transformers' DeiTModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES, pixels

ARCHITECTURE = Architecture(
    "DeiT",
    KerasModel(
        "keras_hub.models.DeiTBackbone",
        {
            "image_shape": IMAGE,
            "patch_size": 8,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "hidden_dim": HIDDEN,
            "intermediate_dim": INNER,
        },
    ),
    TorchModel("DeiT", pixels, VISION | {"intermediate_size": INNER}, {"add_pooling_layer": False}),
    IMAGE,
    VISION_SIZES,
    alignments=(
        Alignment(
            "LayerNorm epsilon: 1e-6 in Keras, 1e-12 in transformers",
            "keras",
            {"layer_norm_epsilon": 1e-12},
            other="`DeiTConfig(layer_norm_eps=1e-6)`",
        ),
    ),
)
