"""GPT-2: keras_hub's GPT2Backbone against transformers' GPT2Model, whose query, key and value are one weight."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
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

ARCHITECTURE = Architecture(
    "GPT-2",
    KerasModel("keras_hub.models.GPT2Backbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}),
    TorchModel(
        "GPT2",
        tokens,
        EAGER
        | {
            "vocab_size": VOCABULARY,
            "n_embd": HIDDEN,
            "n_layer": LEVELS,
            "n_head": HEADS,
            "n_inner": INNER,
            "n_positions": STEPS,
            "bos_token_id": None,
            "eos_token_id": None,
        },
    ),
    TOKENS,
    TEXT_SIZES,
)
