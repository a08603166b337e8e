"""ALBERT: keras_hub's AlbertBackbone against transformers' AlbertModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, POOLED, SEGMENTS, STEPS, TEXT, TEXT_SIZES, segments

EMBEDDING = 16
ARCHITECTURE = Architecture(
    "ALBERT",
    KerasModel(
        "keras_hub.models.AlbertBackbone",
        HUB | {"num_heads": HEADS, "embedding_dim": EMBEDDING, "max_sequence_length": STEPS},
        POOLED,
    ),
    TorchModel("Albert", segments, TEXT | {"embedding_size": EMBEDDING, "max_position_embeddings": STEPS}),
    SEGMENTS,
    TEXT_SIZES,
    alignments=(
        Alignment(
            "padding row: transformers does not train row 0 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
