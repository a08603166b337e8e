"""OPT: keras_hub's OPTBackbone against transformers' OPTModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
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


def number_places(model: Any) -> None:
    """Number places from 2 on, whatever is padding."""
    import torch

    table = model.decoder.embed_positions

    def places(mask: Any, past: int = 0, position_ids: Any = None) -> Any:
        numbers = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
        return torch.nn.functional.embedding(numbers + table.offset, table.weight)

    table.forward = places


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
    alignments=(
        Alignment(
            "positions: transformers numbers what is not padding, padding has row 1; keras_hub numbers every place",
            "torch",
            change=Code(number_places),
        ),
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
