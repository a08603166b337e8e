"""ELECTRA: keras_hub's ElectraBackbone against transformers' ElectraModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, INNER, LEVELS, SEGMENTS, STEPS, TEXT, TEXT_SIZES, VOCABULARY

EMBEDDING = 16


def states(model: Any, token_ids: Any, segment_ids: Any, padding_mask: Any) -> Any:
    """Return the states (batch, steps, features); transformers has no pooled one."""
    return model(input_ids=token_ids, token_type_ids=segment_ids, attention_mask=padding_mask).last_hidden_state


ARCHITECTURE = Architecture(
    "ELECTRA",
    KerasModel(
        "keras_hub.models.ElectraBackbone",
        {
            "vocab_size": VOCABULARY,
            "num_layers": LEVELS,
            "hidden_dim": HIDDEN,
            "intermediate_dim": INNER,
            "num_heads": HEADS,
            "embedding_dim": EMBEDDING,
            "max_sequence_length": STEPS,
        },
        ("sequence_output",),
    ),
    TorchModel("Electra", states, TEXT | {"embedding_size": EMBEDDING, "max_position_embeddings": STEPS}),
    SEGMENTS,
    TEXT_SIZES,
    alignments=(
        Alignment(
            "GELU form: Keras approximates GELU by tanh, transformers computes it exactly",
            "torch",
            {"hidden_act": "gelu_pytorch_tanh"},
        ),
        Alignment(
            "padding row: transformers does not train row 0 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
