"""The encoder's weights: what Hugging Face calls them, what the canonical form does, and how the layouts differ.

The canonical names are those of keras_hub's BertBackbone. The pooler is no part of the encoder.
"""

from collections.abc import Iterator

from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.rules import (
    EMBEDDING,
    LINEAR,
    NORM,
    Module,
    PublishedTensor,
    merge_heads,
    split_heads,
)
from twotrack.shared.weights.pretrained.bert.config import BertConfig


def modules(config: BertConfig) -> Iterator[Module]:
    """Yield the modules in the order of computation."""
    size = config.hidden_size
    yield Module("embeddings.word_embeddings", "token_embedding", EMBEDDING, (config.vocab_size, size))
    positions = (config.max_position_embeddings, size)
    yield Module("embeddings.position_embeddings", "position_embedding", EMBEDDING, positions)
    yield Module("embeddings.token_type_embeddings", "segment_embedding", EMBEDDING, (config.type_vocab_size, size))
    yield Module("embeddings.LayerNorm", "embeddings_layer_norm", NORM, (size,))
    for number in range(config.num_hidden_layers):
        for module in _block(config):
            yield module.inside(f"encoder.layer.{number}", f"transformer_layer_{number}")


def _block(config: BertConfig) -> Iterator[Module]:
    size, wide, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    for role in ("query", "key", "value"):
        yield Module(f"attention.self.{role}", f"self_attention_layer.{role}", split_heads(size, heads), (size, size))
    attention_output = "self_attention_layer.attention_output"
    yield Module("attention.output.dense", attention_output, merge_heads(size, heads), (size, size))
    yield Module("attention.output.LayerNorm", "self_attention_layer_norm", NORM, (size,))
    yield Module("intermediate.dense", "feedforward_intermediate_dense", LINEAR, (wide, size))
    yield Module("output.dense", "feedforward_output_dense", LINEAR, (size, wide))
    yield Module("output.LayerNorm", "feedforward_layer_norm", NORM, (size,))


def table(config: BertConfig) -> dict[str, PublishedTensor]:
    """Map Hugging Face's names of the encoder's tensors to what they are here."""
    return rules.table(modules(config))


def paths(config: BertConfig) -> dict[str, str]:
    """Map the paths in Hugging Face's BertModel to canonical ones: of modules with weights, and of whole blocks."""
    blocks = {f"encoder.layer.{number}": f"transformer_layer_{number}" for number in range(config.num_hidden_layers)}
    return blocks | {module.published_path: module.canonical_path for module in modules(config)}
