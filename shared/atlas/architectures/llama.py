"""Llama: keras_hub's LlamaBackbone against transformers' LlamaModel, with two heads for key and value."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "Llama",
    KerasModel("keras_hub.models.LlamaBackbone", HUB | {"num_query_heads": HEADS, "num_key_value_heads": 2}),
    TorchModel("Llama", tokens, TEXT | {"num_key_value_heads": 2}),
    TOKENS,
    f"{TEXT_SIZES}, 2 heads for key and value",
)
