"""Mistral: keras_hub's MistralBackbone against transformers' MistralModel, with two heads for key and value."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens

WINDOW = 6
ARCHITECTURE = Architecture(
    "Mistral",
    KerasModel(
        "keras_hub.models.MistralBackbone",
        HUB | {"num_query_heads": HEADS, "num_key_value_heads": 2, "sliding_window": WINDOW},
    ),
    TorchModel("Mistral", tokens, TEXT | {"num_key_value_heads": 2, "sliding_window": WINDOW}),
    TOKENS,
    f"{TEXT_SIZES}, 2 heads for key and value, a window of {WINDOW}",
    alignments=(
        Alignment(
            "window: behind the end of a text it may hold only padding, hidden by other numbers; longer, in Keras",
            "keras",
            {"sliding_window": STEPS},
        ),
        Alignment("window: longer, in transformers", "torch", {"sliding_window": STEPS}),
    ),
)
