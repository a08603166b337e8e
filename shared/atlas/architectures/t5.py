"""T5 (1.1): keras_hub's T5Backbone against transformers' T5Model, gated."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import Code
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
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


def give_paths(model: Any) -> None:
    """Give every weight a path of its own, by which PyTorch finds it."""
    for number, variable in enumerate(model.variables):
        variable._path = f"{number}/{variable.path}"
    if hasattr(model, "_track_variables"):
        model._track_variables()


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
    alignments=(
        Alignment(
            "paths: two tables of relative positions have one (variable.path), so that Keras on PyTorch never sets the "
            "gradient of the first to zero",
            "keras",
            change=Code(give_paths),
        ),
    ),
)
