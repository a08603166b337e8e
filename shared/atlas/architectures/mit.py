"""MiT, the encoder of SegFormer: keras_hub's MiTBackbone against transformers' SegformerModel, two stages."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import EAGER, IMAGE, pixels

WIDTHS, DEPTHS, HEADS, REDUCTIONS, PATCHES, STRIDES = [16, 32], [2, 1], [1, 2], [2, 1], [7, 3], [4, 2]
ARCHITECTURE = Architecture(
    "MiT (SegFormer)",
    KerasModel(
        "keras_hub.models.MiTBackbone",
        {
            "layerwise_depths": DEPTHS,
            "num_layers": 2,
            "layerwise_num_heads": HEADS,
            "layerwise_sr_ratios": REDUCTIONS,
            "max_drop_path_rate": 0.0,
            "layerwise_patch_sizes": PATCHES,
            "layerwise_strides": STRIDES,
            "image_shape": IMAGE,
            "hidden_dims": WIDTHS,
        },
    ),
    TorchModel(
        "Segformer",
        pixels,
        EAGER
        | {
            "num_encoder_blocks": 2,
            "depths": DEPTHS,
            "sr_ratios": REDUCTIONS,
            "hidden_sizes": WIDTHS,
            "patch_sizes": PATCHES,
            "strides": STRIDES,
            "num_attention_heads": HEADS,
            "mlp_ratios": [4, 4],
            "drop_path_rate": 0.0,
        },
    ),
    IMAGE,
    f"2 stages of 2 and 1 blocks, 16 and 32 features, {IMAGE[0]} pixels",
    alignments=(
        Alignment(
            "LayerNorm epsilon: 1e-6 inside blocks in Keras, 1e-5 in transformers",
            "torch",
            change=Layers({"eps": 1e-6}, ends=("layernorm_before", "layernorm_after")),
        ),
        Alignment(
            "GELU form: Keras approximates GELU by tanh, transformers computes it exactly",
            "torch",
            {"hidden_act": "gelu_pytorch_tanh"},
        ),
        Alignment(
            "dropout: keras_hub's attention has two layers Dropout(0.1) that no argument reaches, transformers has 0",
            "keras",
            change=Layers({"rate": 0.0}, "Dropout"),
        ),
    ),
)
