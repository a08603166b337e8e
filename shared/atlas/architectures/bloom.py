"""BLOOM: keras_hub's BloomBackbone against transformers' BloomModel, with query, key and value interleaved by head."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import (
    EAGER,
    HEADS,
    HIDDEN,
    HUB,
    LEVELS,
    STEPS,
    TOKENS,
    VOCABULARY,
    tokens,
)

INNER = 4 * HIDDEN
ARCHITECTURE = Architecture(
    "BLOOM",
    KerasModel("keras_hub.models.BloomBackbone", HUB | {"num_heads": HEADS, "intermediate_dim": INNER}),
    TorchModel(
        "Bloom",
        tokens,
        EAGER | {"vocab_size": VOCABULARY, "hidden_size": HIDDEN, "n_layer": LEVELS, "n_head": HEADS},
    ),
    TOKENS,
    f"{LEVELS} blocks, {HIDDEN} features, {HEADS} heads, {INNER} inner, {VOCABULARY} tokens, {STEPS} steps",
)
