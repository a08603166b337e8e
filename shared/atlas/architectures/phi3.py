"""Phi-3: keras_hub's Phi3Backbone against transformers' Phi3Model, whose query, key and value are one weight."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "Phi-3",
    KerasModel("keras_hub.models.Phi3Backbone", HUB | {"num_query_heads": HEADS, "num_key_value_heads": 2}),
    TorchModel("Phi3", tokens, TEXT | {"num_key_value_heads": 2, "pad_token_id": None}),
    TOKENS,
    f"{TEXT_SIZES}, 2 heads for key and value",
    alignments=(
        Alignment(
            "RMSNorm epsilon: 1e-6 in Keras, 1e-5 in transformers",
            "torch",
            {"rms_norm_eps": 1e-6},
            other="`Phi3Backbone(layer_norm_epsilon=1e-5)`",
        ),
    ),
)
