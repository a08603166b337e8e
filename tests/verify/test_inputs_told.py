"""A layer that differs is told with what it is given: equal values, equal ones in another order, or none."""

import numpy as np
import pytest

from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.rungs.forward import _diverging

A, B, C = np.random.default_rng(0).normal(size=(3, 4, 5))
AGREE, MOVED, DIFFER = (
    "its inputs agree",
    "its inputs are the same values in another order",
    "its inputs differ already",
)


def layer(kind: str, inputs: tuple[np.ndarray, ...], output: np.ndarray) -> LayerTrace:
    return LayerTrace(path="layer", kind=kind, leaf=True, hyperparameters={}, inputs=list(inputs), outputs=[output])


@pytest.mark.parametrize(
    ("kind", "torch", "keras", "told"),
    [
        ("Dense", (A,), (A,), AGREE),
        ("Dense", (A,), (B,), DIFFER),
        ("Bilinear", (A, B), (A, B), AGREE),
        ("Bilinear", (B, A), (A, B), MOVED),
        ("LSTM", (A, B, C), (A, C, B), MOVED),
        ("LSTM", (A, B), (A, B, C), AGREE),
        ("MultiHeadAttention", (A, B, C), (A, C, B), AGREE),  # query, key, value and query, value, key
        ("MultiHeadAttention", (B, A, A), (A, B, B), MOVED),
        ("MultiHeadAttention", (B, A, C), (A, C, B), MOVED),
    ],
)
def test_inputs_are_told_as_they_are(
    kind: str, torch: tuple[np.ndarray, ...], keras: tuple[np.ndarray, ...], told: str
) -> None:
    found = _diverging(layer(kind, torch, A + B), layer(kind, keras, A - B), limit=1e-12)

    assert told in found.detail
