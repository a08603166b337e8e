"""T5 (1.1): keras_hub's T5Backbone against transformers' T5Model, gated."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import (
    HEADS,
    HIDDEN,
    HUB,
    INNER,
    LEVELS,
    SEQUENCES,
    TEXT_SIZES,
    TWO_TEXTS,
    VOCABULARY,
    both_texts,
)

ARCHITECTURE = Architecture(
    "T5",
    KerasModel("keras_hub.models.T5Backbone", HUB | {"num_heads": HEADS}, SEQUENCES),
    TorchModel(
        "T5",
        both_texts,
        {
            "vocab_size": VOCABULARY,
            "d_model": HIDDEN,
            "d_kv": HIDDEN // HEADS,
            "d_ff": INNER,
            "num_layers": LEVELS,
            "num_heads": HEADS,
            "feed_forward_proj": "gated-relu",
        },
    ),
    TWO_TEXTS,
    f"{TEXT_SIZES}, in encoder and decoder",
    note=(
        "On `keras:torch` training fails for a fault of Keras: two tables of relative positions have one path "
        "(`variable.path`), by which PyTorch finds one of them, and it never sets the gradient of the other to zero. "
        "On `keras:jax` every rung passes."
    ),
)
