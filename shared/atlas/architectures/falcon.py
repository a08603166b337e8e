"""Falcon: keras_hub's FalconBackbone against transformers' FalconModel, in the form of falcon-rw: alibi, all heads."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HIDDEN, HUB, LEVELS, STEPS, TOKENS, VOCABULARY, tokens

INNER = 4 * HIDDEN
ARCHITECTURE = Architecture(
    "Falcon",
    KerasModel("keras_hub.models.FalconBackbone", HUB | {"num_attention_heads": HEADS, "intermediate_dim": INNER}),
    TorchModel(
        "Falcon",
        tokens,
        {
            "vocab_size": VOCABULARY,
            "hidden_size": HIDDEN,
            "num_hidden_layers": LEVELS,
            "num_attention_heads": HEADS,
            "alibi": True,
            "multi_query": False,
            "parallel_attn": False,
            "bias": True,
        },
    ),
    TOKENS,
    f"{LEVELS} blocks, {HIDDEN} features, {HEADS} heads, {INNER} inner, {VOCABULARY} tokens, {STEPS} steps",
    note=(
        "With `sdpa`, transformers' default. Its `eager` attention adds the alibi biases twice, once with the mask, "
        "and computes something else."
    ),
)
