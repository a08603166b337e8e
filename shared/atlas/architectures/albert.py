"""ALBERT: keras_hub's AlbertBackbone against transformers' AlbertModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
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
)
