"""BLOOM: keras_hub's BloomBackbone against transformers' BloomModel, with query, key and value interleaved by head."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
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


def all_digits(model: Any) -> None:
    """Take torch's own GELU, approximated by tanh."""
    from torch import nn

    for block in model.h:
        block.mlp.gelu_impl = nn.GELU(approximate="tanh")


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
    alignments=(
        Alignment(
            "GELU form: transformers' own tanh form has 0.79788456 for the square root of 2 / pi, Keras all digits",
            "torch",
            change=Code(all_digits),
        ),
    ),
)
