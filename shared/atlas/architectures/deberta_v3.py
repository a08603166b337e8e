"""DeBERTa-v3: keras_hub's DebertaV3Backbone against transformers' DebertaV2Model with the settings of version 3."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens

BUCKETS = 4
ARCHITECTURE = Architecture(
    "DeBERTa-v3",
    KerasModel(
        "keras_hub.models.DebertaV3Backbone",
        HUB | {"num_heads": HEADS, "max_sequence_length": STEPS, "bucket_size": BUCKETS},
    ),
    TorchModel(
        "DebertaV2",
        tokens,
        TEXT
        | {
            "max_position_embeddings": STEPS,
            "relative_attention": True,
            "position_buckets": BUCKETS,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
        },
    ),
    TOKENS,
    f"{TEXT_SIZES}, {BUCKETS} buckets",
)
