"""DeBERTa-v3: keras_hub's DebertaV3Backbone against transformers' DebertaV2Model with the settings of version 3."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens

BUCKETS = 4


def hide_keys_only(model: Any) -> None:
    """Hide padding as a key, for every query alike, and leave its embedding as it is."""
    embed = model.embeddings.forward

    def without_mask(*given: Any, mask: Any = None, **named: Any) -> Any:
        return embed(*given, **named)

    model.embeddings.forward = without_mask
    model.encoder.get_attention_mask = lambda mask: mask[:, None, None, :]


def share_masks(model: Any) -> None:
    """Draw one mask for the relative positions of all examples."""
    for layer in model._flatten_layers():
        if type(layer).__name__ == "DisentangledSelfAttention":
            layer._position_dropout_layer.noise_shape = (1, None, None)


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
    alignments=(
        Alignment(
            "mask: transformers makes embeddings of padding 0 and hides padding from padding too; Keras does neither",
            "torch",
            change=Code(hide_keys_only),
        ),
        Alignment(
            "dropout: Keras drops of the relative positions for every example anew, transformers once for all of them",
            "keras",
            change=Code(share_masks),
        ),
        Alignment(
            "padding row: transformers does not train row 0 of the table of tokens (padding_idx), Keras does",
            "torch",
            {"pad_token_id": None},
        ),
    ),
)
