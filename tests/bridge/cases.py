"""One small pair per kind of layer: what goes in, and what the bridge is told. Sizes are all different."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

BATCH = 3


@dataclass(frozen=True)
class Case:
    """Input shapes without the batch axis, channels last; models are found by name in torch_models and keras_models."""

    inputs: tuple[tuple[int, ...], ...]
    rename: Mapping[str, str] = field(default_factory=dict)
    vocabulary: int = 0
    """Inputs are tokens below this number; 0 for real numbers."""

    def draw(self, generator: np.random.Generator) -> list[np.ndarray]:
        """Return inputs (batch, ...), float64 or int64."""
        shapes = [(BATCH, *shape) for shape in self.inputs]
        if self.vocabulary:
            return [generator.integers(0, self.vocabulary, shape) for shape in shapes]
        return [generator.normal(size=shape) for shape in shapes]


IMAGE, LINE, FEATURES = ((7, 9, 4),), ((11, 4),), ((5,),)
SEPARABLE = {"depthwise": "conv.depthwise", "pointwise": "conv.pointwise"}
CASES = {
    "dense": Case(FEATURES),
    "dense_no_bias": Case(FEATURES),
    "dense_on_sequence": Case(LINE),
    "conv1d": Case(LINE),
    "conv1d_strided": Case(LINE),
    "conv1d_dilated": Case(LINE),
    "conv1d_grouped": Case(LINE),
    "conv2d": Case(IMAGE),
    "conv2d_strided": Case(IMAGE),
    "conv2d_dilated": Case(IMAGE),
    "conv2d_grouped": Case(IMAGE),
    "conv2d_no_bias": Case(IMAGE),
    "conv3d": Case(((5, 4, 6, 2),)),
    "depthwise1d": Case(LINE),
    "depthwise2d": Case(IMAGE),
    "separable1d": Case(LINE, SEPARABLE),
    "separable2d": Case(IMAGE, SEPARABLE),
    "conv1d_transpose": Case(LINE),
    "conv2d_transpose": Case(IMAGE),
    "conv3d_transpose": Case(((3, 4, 2, 2),)),
    "batch_norm_features": Case(FEATURES),
    "batch_norm_1d": Case(LINE),
    "batch_norm_2d": Case(IMAGE),
    "layer_norm": Case(LINE),
    "group_norm": Case(IMAGE),
    "rms_norm": Case(LINE),
    "embedding": Case(((6,),), vocabulary=8),
    "prelu_shared": Case(FEATURES),
    "prelu_shared_image": Case(IMAGE),
    "prelu_per_channel": Case(IMAGE),
    "prelu_per_channel_1d": Case(LINE),
    "simple_rnn": Case(LINE),
    "lstm": Case(LINE),
    "lstm_no_bias": Case(LINE),
    "gru": Case(LINE),
    "gru_no_bias": Case(LINE),
    "lstm_stacked": Case(LINE, rename={"lstm.l0": "lower", "lstm.l1": "upper"}),
    "gru_stacked_cells": Case(LINE),
    "lstm_cell": Case(LINE),
    "simple_rnn_bidirectional": Case(LINE),
    "lstm_bidirectional": Case(LINE),
    "gru_bidirectional": Case(LINE),
    "lstm_stacked_bidirectional": Case(LINE, rename={"lstm.l0": "lower", "lstm.l1": "upper"}),
    "attention": Case(LINE),
    "attention_no_bias": Case(LINE),
    "cross_attention": Case(((6, 4), (8, 3), (8, 5))),
    "flatten_2d": Case(IMAGE),
    "flatten_1d": Case(LINE),
    "flatten_then_norm": Case(IMAGE),
    "encoder_block": Case(
        LINE,
        rename={
            "block.self_attn": "attention",
            "block.norm1": "attention_norm",
            "block.linear1": "feedforward.inner",
            "block.linear2": "feedforward.outer",
            "block.norm2": "feedforward_norm",
        },
    ),
    "nested": Case(FEATURES, rename={"encoder": "inner.first"}),
    "subclassed": Case(FEATURES),
    "tied": Case(((6,),), vocabulary=8),
    "own_layer": Case(FEATURES),
    "time_distributed": Case(LINE),
}


def draw_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Return float64 weights, positive where they are a variance."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.uniform(0.5, 1.5, shape) if name.endswith("variance") else generator.normal(0, 0.7, shape)
        for name, shape in shapes.items()
    }
