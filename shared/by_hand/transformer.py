"""The network of the chapter churn_transformer: forward, and what each head looks at, one line per equation.

months (n, T, features) holds n customers, mask (n, T) is true for their real months; d is the hidden size,
h the number of heads. Weights are canonical; everything is computed in float64.
Source: Vaswani et al. 2017; pre-norm: Xiong et al. 2020.
"""
# ruff: noqa: N806 - matrices have capital letters, as in the equations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from twotrack.shared.by_hand.activations import relu, softmax
from twotrack.shared.chapters.churn_transformer import Config
from twotrack.shared.spec.positions import sinusoids

EPSILON = 1e-5
Weights = Mapping[str, np.ndarray]


class EncoderValues(NamedTuple):
    """What the forward pass computes."""

    attention: list[np.ndarray]
    """A of each block (n, h, T, T): row t holds how much month t looks at each month."""
    logits: np.ndarray
    """(n, 1)"""


def forward(weights: Weights, config: Config, months: np.ndarray, mask: np.ndarray) -> EncoderValues:
    """Return attention and logits in inference mode."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = dense(w, "embedding", months.astype(np.float64))  # (n, T, d)
    learned = config.positions == "learned"
    x = x + (w["positions.embeddings"] if learned else sinusoids(*x.shape[1:]))
    maps = []
    for number in range(1, config.num_layers + 1):
        x, A = block(w, config.norm, x, mask, number)
        maps.append(A)
    x = norm(w, "norm", x) if config.norm == "pre" else x
    keep = mask[..., np.newaxis]
    mean = (x * keep).sum(axis=1) / keep.sum(axis=1)  # (n, d)
    return EncoderValues(maps, dense(w, "logits", mean))


def block(w: Weights, kind: str, x: np.ndarray, mask: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the block's output (n, T, d) and its A."""
    names = f"attention_norm{number}", f"ffn_norm{number}"
    if kind == "pre":
        A, looked = attention(w, f"attention{number}", norm(w, names[0], x), mask)
        x = x + looked
        return x + feed_forward(w, number, norm(w, names[1], x)), A
    A, looked = attention(w, f"attention{number}", x, mask)
    x = norm(w, names[0], x + looked)
    return norm(w, names[1], x + feed_forward(w, number, x)), A


def attention(w: Weights, name: str, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return A (n, h, T, T) and the layer's output (n, T, d)."""
    Q, K, V = (
        np.einsum("ntd,dhs->nhts", x, w[f"{name}.{part}.kernel"]) + w[f"{name}.{part}.bias"][:, np.newaxis]
        for part in ("query", "key", "value")
    )  # (n, h, T, d / h)
    scores = Q @ K.swapaxes(2, 3) / np.sqrt(Q.shape[-1])
    A = softmax(np.where(mask[:, np.newaxis, np.newaxis], scores, -np.inf))
    output = np.einsum("nhts,hsd->ntd", A @ V, w[f"{name}.attention_output.kernel"])
    return A, output + w[f"{name}.attention_output.bias"]


def feed_forward(w: Weights, number: int, x: np.ndarray) -> np.ndarray:
    """Return two dense layers of x, the same for every month."""
    return dense(w, f"ffn_out{number}", relu(dense(w, f"ffn_in{number}", x)))


def dense(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Return x W + b."""
    return x @ w[f"{name}.kernel"] + w[f"{name}.bias"]


def norm(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Return x with mean 0 and variance 1 over the last axis, times gamma plus beta (Ba et al. 2016)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    return centred / deviation * w[f"{name}.gamma"] + w[f"{name}.beta"]
