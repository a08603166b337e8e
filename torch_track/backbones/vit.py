"""Vision Transformer in PyTorch: transformers' ViTModel, under the canonical names. No dropout.

Input (batch, channels 3, height, width), output features (batch, hidden_size): the class token's last state.
Source: Dosovitskiy et al. 2021.
"""

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import ViTConfig, ViTModel

from twotrack.shared.weights.bridge.layouts import SAME
from twotrack.shared.weights.pretrained.backbones.vit import VisionTransformerConfig, merge, positions_layout, split
from twotrack.torch_track import weights

BLOCK = {
    "layernorm_before": "ln_1",
    "attention.q_proj": "mha.query",
    "attention.k_proj": "mha.key",
    "attention.v_proj": "mha.value",
    "attention.o_proj": "mha.attention_output",
    "attention": "mha",
    "layernorm_after": "ln_2",
    "mlp.fc1": "mlp.dense_1",
    "mlp.fc2": "mlp.dense_2",
}
"""Paths inside one block of ViTModel to canonical ones."""


def build(config: VisionTransformerConfig, num_classes: int) -> nn.Module:
    """Return the class token's last state; behind it the classifier if it has classes."""
    return Vit(config, num_classes)


class Vit(nn.Module):
    """ViTModel without its pooler."""

    def __init__(self, config: VisionTransformerConfig, num_classes: int):
        super().__init__()
        self.vit = ViTModel(_settings(config), add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, num_classes) if num_classes else None
        self.canonical_paths = {
            f"vit.{torch_path}": canonical_path for torch_path, canonical_path in _paths(config).items()
        }
        _state_rules(self.vit, config)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 3, height, width) to features (batch, hidden_size), or to logits."""
        with sdpa_kernel(SDPBackend.MATH):  # the sums that Keras does; transformers' eager softmax is float32
            states = self.vit(x).last_hidden_state  # (batch, 197, 768)
        x = states[:, 0]
        return x if self.classifier is None else self.classifier(x)


def _settings(config: VisionTransformerConfig) -> ViTConfig:
    return ViTConfig(
        **config.model_dump(exclude={"model_type"}),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )


def _paths(config: VisionTransformerConfig) -> dict[str, str]:
    """Map paths in ViTModel to canonical ones."""
    paths = {
        "embeddings": "vit_patching_and_embedding",
        "embeddings.patch_embeddings.projection": "vit_patching_and_embedding.patch_embedding",
        "layernorm": "vit_encoder.ln",
    }
    for number in range(config.num_hidden_layers):
        block = f"vit_encoder.transformer_block_{number + 1}"
        paths[f"layers.{number}"] = block
        paths |= {
            f"layers.{number}.{torch_path}": f"{block}.{canonical_path}" for torch_path, canonical_path in BLOCK.items()
        }
    return paths


def _state_rules(vit: ViTModel, config: VisionTransformerConfig) -> None:
    """State the layouts of what is no plain layer: the two parameters of the embeddings, and the heads."""
    rules: weights.Rule = {
        "cls_token": ("class_token", SAME),
        "position_embeddings": ("position_embedding.embeddings", positions_layout(config)),
    }
    setattr(vit.embeddings, weights.RULE, rules)
    for layer in vit.layers:
        attention = layer.attention
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            setattr(projection, weights.RULE, split(config))
        setattr(attention.o_proj, weights.RULE, merge(config))
