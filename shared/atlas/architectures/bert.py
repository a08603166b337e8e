"""BERT: keras_hub's BertBackbone against transformers' BertModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, POOLED, SEGMENTS, STEPS, TEXT, TEXT_SIZES, segments

ARCHITECTURE = Architecture(
    "BERT",
    KerasModel("keras_hub.models.BertBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}, POOLED),
    TorchModel("Bert", segments, TEXT | {"max_position_embeddings": STEPS}),
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
