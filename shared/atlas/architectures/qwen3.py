"""Qwen3: keras_hub's Qwen3Backbone against transformers' Qwen3Model, with two heads for key and value."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "Qwen3",
    KerasModel(
        "keras_hub.models.Qwen3Backbone",
        HUB | {"num_query_heads": HEADS, "num_key_value_heads": 2, "head_dim": 8},
    ),
    TorchModel("Qwen3", tokens, TEXT | {"num_key_value_heads": 2, "head_dim": 8}),
    TOKENS,
    f"{TEXT_SIZES}, 2 heads for key and value",
    alignments=(
        Alignment(
            "RMSNorm epsilon: keras_hub does not pass its epsilon to the norms of query and key, which have 1e-5",
            "keras",
            change=Layers({"epsilon": 1e-6}, ends=("query_dense_layernorm", "key_dense_layernorm")),
        ),
    ),
)
