"""The encoder's weights: what Hugging Face calls them, what the canonical form does, and how the layouts differ.

The canonical names are those of keras_hub's BertBackbone. The pooler is no part of the encoder.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shared.bert.config import BertConfig
from shared.bridge.layouts import DENSE, SAME, Layout, heads_bias, heads_kernel, merge_heads_kernel

Rule = Mapping[str, tuple[str, Layout]]
"""Hugging Face's name of a parameter to its canonical name and layout."""
EMBEDDING: Rule = {"weight": ("embeddings", SAME)}
NORM: Rule = {"weight": ("gamma", SAME), "bias": ("beta", SAME)}
LINEAR: Rule = {"weight": ("kernel", DENSE), "bias": ("bias", SAME)}


class Module(NamedTuple):
    """One module with weights of its own."""

    theirs: str
    """Its path in Hugging Face's BertModel."""
    ours: str
    """Its canonical path."""
    rule: Rule
    shape: tuple[int, ...]
    """Of `weight` as Hugging Face has it; a bias has the first axis alone."""


class Weight(NamedTuple):
    """One tensor of a checkpoint."""

    canonical: str
    layout: Layout
    shape: tuple[int, ...]
    """In the checkpoint."""


def modules(config: BertConfig) -> Iterator[Module]:
    """Yield the modules in the order of computation."""
    size = config.hidden_size
    yield Module("embeddings.word_embeddings", "token_embedding", EMBEDDING, (config.vocab_size, size))
    positions = (config.max_position_embeddings, size)
    yield Module("embeddings.position_embeddings", "position_embedding", EMBEDDING, positions)
    yield Module("embeddings.token_type_embeddings", "segment_embedding", EMBEDDING, (config.type_vocab_size, size))
    yield Module("embeddings.LayerNorm", "embeddings_layer_norm", NORM, (size,))
    for number in range(config.num_hidden_layers):
        for one in _block(config):
            ours = f"transformer_layer_{number}.{one.ours}"
            yield one._replace(theirs=f"encoder.layer.{number}.{one.theirs}", ours=ours)


def _block(config: BertConfig) -> Iterator[Module]:
    size, wide = config.hidden_size, config.intermediate_size
    for role in ("query", "key", "value"):
        yield Module(f"attention.self.{role}", f"self_attention_layer.{role}", split_heads(config), (size, size))
    attention_output = "self_attention_layer.attention_output"
    yield Module("attention.output.dense", attention_output, merge_heads(config), (size, size))
    yield Module("attention.output.LayerNorm", "self_attention_layer_norm", NORM, (size,))
    yield Module("intermediate.dense", "feedforward_intermediate_dense", LINEAR, (wide, size))
    yield Module("output.dense", "feedforward_output_dense", LINEAR, (size, wide))
    yield Module("output.LayerNorm", "feedforward_layer_norm", NORM, (size,))


def split_heads(config: BertConfig) -> Rule:
    """Return the rule of query, key and value: canonical (inputs, heads, head_size)."""
    heads, head_size = config.num_attention_heads, config.head_size
    kernel = heads_kernel(config.hidden_size, heads, head_size)
    return {"weight": ("kernel", kernel), "bias": ("bias", heads_bias(heads, head_size))}


def merge_heads(config: BertConfig) -> Rule:
    """Return the rule of the attention's output: canonical (heads, head_size, outputs)."""
    kernel = merge_heads_kernel(config.num_attention_heads, config.head_size, config.hidden_size)
    return {"weight": ("kernel", kernel), "bias": ("bias", SAME)}


def table(config: BertConfig) -> dict[str, Weight]:
    """Map Hugging Face's names of the encoder's tensors to what they are here."""
    return {
        f"{module.theirs}.{parameter}": Weight(
            f"{module.ours}.{name}", layout, module.shape if parameter == "weight" else module.shape[:1]
        )
        for module in modules(config)
        for parameter, (name, layout) in module.rule.items()
    }


def paths(config: BertConfig) -> dict[str, str]:
    """Map the paths in Hugging Face's BertModel to canonical ones: of modules with weights, and of whole blocks."""
    blocks = {f"encoder.layer.{number}": f"transformer_layer_{number}" for number in range(config.num_hidden_layers)}
    return blocks | {module.theirs: module.ours for module in modules(config)}
