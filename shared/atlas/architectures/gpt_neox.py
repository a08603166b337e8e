"""GPT-NeoX: keras_hub's GPTNeoXBackbone against transformers' GPTNeoXModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import HEADS, HUB, STEPS, TEXT, TEXT_SIZES, TOKENS, tokens

ARCHITECTURE = Architecture(
    "GPT-NeoX",
    KerasModel("keras_hub.models.GPTNeoXBackbone", HUB | {"num_heads": HEADS, "max_sequence_length": STEPS}),
    TorchModel("GPTNeoX", tokens, TEXT | {"max_position_embeddings": STEPS}),
    TOKENS,
    TEXT_SIZES,
    alignments=(
        Alignment(
            "GELU form: Keras approximates GELU by tanh, transformers computes it exactly",
            "torch",
            {"hidden_act": "gelu_pytorch_tanh"},
        ),
    ),
)
