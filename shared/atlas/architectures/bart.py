"""BART: keras_hub's BartBackbone against transformers' BartModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import (
    EAGER,
    HEADS,
    HIDDEN,
    HUB,
    INNER,
    LEVELS,
    SEQUENCES,
    STEPS,
    TEXT_SIZES,
    TWO_TEXTS,
    VOCABULARY,
    both_texts,
)

ARCHITECTURE = Architecture(
    "BART",
    KerasModel("keras_hub.models.BartBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}, SEQUENCES),
    TorchModel(
        "Bart",
        both_texts,
        EAGER
        | {
            "vocab_size": VOCABULARY,
            "d_model": HIDDEN,
            "encoder_layers": LEVELS,
            "decoder_layers": LEVELS,
            "encoder_attention_heads": HEADS,
            "decoder_attention_heads": HEADS,
            "encoder_ffn_dim": INNER,
            "decoder_ffn_dim": INNER,
            "max_position_embeddings": STEPS,
        },
    ),
    TWO_TEXTS,
    f"{TEXT_SIZES}, in encoder and decoder",
    alignments=(
        Alignment(
            "dropout: Keras has the rate of all others on attention weights, transformers 0",
            "torch",
            {"attention_dropout": 0.1},
        ),
        Alignment(
            "padding row: transformers does not train row 1 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
