"""ViT: keras_hub's ViTBackbone against transformers' ViTModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, IMAGE, INNER, LEVELS, VISION, VISION_SIZES, pixels

ARCHITECTURE = Architecture(
    "ViT",
    KerasModel(
        "keras_hub.models.ViTBackbone",
        {
            "image_shape": IMAGE,
            "patch_size": 8,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "hidden_dim": HIDDEN,
            "mlp_dim": INNER,
        },
    ),
    TorchModel("ViT", pixels, VISION | {"intermediate_size": INNER}, {"add_pooling_layer": False}),
    IMAGE,
    VISION_SIZES,
    alignments=(
        Alignment(
            "LayerNorm epsilon: 1e-6 in Keras, 1e-12 in transformers",
            "keras",
            {"layer_norm_epsilon": 1e-12},
            other="`ViTConfig(layer_norm_eps=1e-6)`",
        ),
    ),
)
