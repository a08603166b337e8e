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


def fill_hidden(model: Any) -> None:
    """Let hidden scores be -1e9, and their share 0, as keras.layers.Softmax does."""
    import torch
    from torch.nn import functional
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    def attend(
        module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, dropout: float = 0.0, **_: Any
    ) -> Any:
        scores = query @ key.transpose(-1, -2) * scaling
        hidden = torch.zeros_like(scores, dtype=torch.bool) if mask is None else (mask < 0).expand_as(scores)
        weights = scores.masked_fill(hidden, -1e9).softmax(-1).masked_fill(hidden, 0)
        weights = functional.dropout(weights, dropout, module.training)
        return (weights @ value).transpose(1, 2).contiguous(), weights

    AttentionInterface.register("eager_as_keras", attend)
    AttentionMaskInterface.register("eager_as_keras", eager_mask)
    model.set_attn_implementation("eager_as_keras")


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
            "mask: Keras puts -1e9 in the place of hidden scores and then leaves them no share, transformers adds the "
            "smallest number there is to them",
            "torch",
            change=Code(fill_hidden),
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
