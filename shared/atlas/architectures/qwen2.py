"""Qwen2: keras_hub's QwenBackbone against transformers' Qwen2Model, with two heads for key and value."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "Qwen2",
    KerasModel("keras_hub.models.QwenBackbone", HUB | {"num_query_heads": HEADS, "num_key_value_heads": 2}),
    TorchModel("Qwen2", tokens, TEXT | {"num_key_value_heads": 2}),
    TOKENS,
    f"{TEXT_SIZES}, 2 heads for key and value",
)
