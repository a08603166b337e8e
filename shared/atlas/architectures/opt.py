"""OPT: keras_hub's OPTBackbone against transformers' OPTModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import (
    EAGER,
    HEADS,
    HIDDEN,
    HUB,
    INNER,
    LEVELS,
    STEPS,
    TEXT_SIZES,
    TOKENS,
    VOCABULARY,
    tokens,
)

ARCHITECTURE = Architecture(
    "OPT",
    KerasModel("keras_hub.models.OPTBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}),
    TorchModel(
        "OPT",
        tokens,
        EAGER
        | {
            "vocab_size": VOCABULARY,
            "hidden_size": HIDDEN,
            "word_embed_proj_dim": HIDDEN,
            "num_hidden_layers": LEVELS,
            "num_attention_heads": HEADS,
            "ffn_dim": INNER,
            "max_position_embeddings": STEPS,
        },
    ),
    TOKENS,
    TEXT_SIZES,
)
