"""Gemma: keras_hub's GemmaBackbone against transformers' GemmaModel, with one head for key and value."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, INNER, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "Gemma",
    KerasModel(
        "keras_hub.models.GemmaBackbone",
        HUB | {"num_query_heads": HEADS, "num_key_value_heads": 1, "head_dim": 8, "intermediate_dim": 2 * INNER},
    ),
    TorchModel("Gemma", tokens, TEXT | {"num_key_value_heads": 1, "head_dim": 8}),
    TOKENS,
    f"{TEXT_SIZES}, 1 head for key and value",
    note="keras_hub counts both halves of the gated layer in intermediate_dim: it is twice intermediate_size.",
    alignments=(
        Alignment(
            "padding row: transformers does not train row 0 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
