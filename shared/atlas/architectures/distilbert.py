"""DistilBERT: keras_hub's DistilBertBackbone against transformers' DistilBertModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
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
    "DistilBERT",
    KerasModel("keras_hub.models.DistilBertBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}),
    TorchModel(
        "DistilBert",
        tokens,
        EAGER
        | {
            "vocab_size": VOCABULARY,
            "dim": HIDDEN,
            "n_layers": LEVELS,
            "n_heads": HEADS,
            "hidden_dim": INNER,
            "max_position_embeddings": STEPS,
        },
    ),
    TOKENS,
    TEXT_SIZES,
    alignments=(
        Alignment(
            "dropout: Keras has one behind each attention, transformers none there",
            "keras",
            change=Layers({"rate": 0.0}, ends=("self_attention_dropout",)),
        ),
        Alignment(
            "padding row: transformers does not train row 0 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
