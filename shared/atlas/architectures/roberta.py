"""RoBERTa: keras_hub's RobertaBackbone against transformers' RobertaModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens


def number_places(model: Any) -> None:
    """Number places from 2 on, whatever is padding."""
    import torch

    def positions(token_ids: Any, padding_idx: Any, past: int = 0) -> Any:
        return torch.arange(2, 2 + token_ids.shape[1], device=token_ids.device).expand(token_ids.shape)

    model.embeddings.create_position_ids_from_input_ids = positions


def without_segments(model: Any) -> None:
    """Add nothing for segments."""
    import torch
    from torch import nn

    class Nothing(nn.Module):
        def forward(self, segments: torch.Tensor) -> torch.Tensor:
            tokens = model.embeddings.word_embeddings.weight
            return tokens.new_zeros(*segments.shape, tokens.shape[1])

    model.embeddings.token_type_embeddings = Nothing()


ARCHITECTURE = Architecture(
    "RoBERTa",
    KerasModel("keras_hub.models.RobertaBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}),
    TorchModel(
        "Roberta",
        tokens,
        TEXT | {"max_position_embeddings": STEPS + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        {"add_pooling_layer": False},
    ),
    TOKENS,
    TEXT_SIZES,
    alignments=(
        Alignment(
            "positions: transformers numbers what is not padding from 2 on, keras_hub every place from 0 on",
            "torch",
            change=Code(number_places),
        ),
        Alignment(
            "segments: transformers adds the one row of a table of segments to every token, keras_hub has none",
            "torch",
            change=Code(without_segments),
            other="add that row to every row of the table of positions",
        ),
        Alignment(
            "padding row: transformers does not train row 1 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
