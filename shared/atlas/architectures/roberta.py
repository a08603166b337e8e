"""RoBERTa: keras_hub's RobertaBackbone against transformers' RobertaModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens

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
)
