"""What published torch networks call the parameters of a layer, and what the canonical form does."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twotrack.shared.weights.bridge.layouts import (
    CONV,
    DENSE,
    SAME,
    Layout,
    heads_bias,
    heads_kernel,
    merge_heads_kernel,
)

Rule = Mapping[str, tuple[str, Layout]]
"""torch's name of a parameter to its canonical name and layout."""
EMBEDDING: Rule = {"weight": ("embeddings", SAME)}
NORM: Rule = {"weight": ("gamma", SAME), "bias": ("beta", SAME)}
BATCH_NORM: Rule = {**NORM, "running_mean": ("moving_mean", SAME), "running_var": ("moving_variance", SAME)}
LINEAR: Rule = {"weight": ("kernel", DENSE), "bias": ("bias", SAME)}
CONV_2D: Rule = {"weight": ("kernel", CONV[2]), "bias": ("bias", SAME)}
CONV_2D_NO_BIAS: Rule = {"weight": ("kernel", CONV[2])}


class Module(NamedTuple):
    """One module with weights of its own."""

    published_path: str
    """Its path in the published network."""
    canonical_path: str
    """Its canonical path."""
    rule: Rule
    shape: tuple[int, ...]
    """Of `weight` as the published network has it; everything else has the first axis alone."""

    def inside(self, published_path: str, canonical_path: str) -> "Module":
        """Return the module as a part of what has these paths."""
        return self._replace(
            published_path=f"{published_path}.{self.published_path}",
            canonical_path=f"{canonical_path}.{self.canonical_path}",
        )


class PublishedTensor(NamedTuple):
    """One tensor of a published network."""

    canonical: str
    layout: Layout
    shape: tuple[int, ...]
    """In the published network."""


Table = Mapping[str, PublishedTensor]
"""What a published network calls its tensors, to what they are here."""


def table(modules: Iterable[Module]) -> dict[str, PublishedTensor]:
    """Map the published names of the modules' tensors to what they are here."""
    return {
        f"{module.published_path}.{parameter}": PublishedTensor(
            f"{module.canonical_path}.{name}", layout, module.shape if parameter == "weight" else module.shape[:1]
        )
        for module in modules
        for parameter, (name, layout) in module.rule.items()
    }


def split_heads(size: int, heads: int) -> Rule:
    """Return the rule of query, key and value as Linear layers of `size`: canonical (inputs, heads, head_size)."""
    head_size = size // heads
    return {"weight": ("kernel", heads_kernel(size, heads, head_size)), "bias": ("bias", heads_bias(heads, head_size))}


def merge_heads(size: int, heads: int) -> Rule:
    """Return the rule of the attention's output as a Linear layer: canonical (heads, head_size, outputs)."""
    return {"weight": ("kernel", merge_heads_kernel(heads, size // heads, size)), "bias": ("bias", SAME)}
