"""The activations of the dense chapters: their names, and the constants that both tracks use."""

from typing import Literal

Activation = Literal["none", "relu", "leaky_relu", "prelu", "sigmoid", "tanh", "softmax", "gelu", "gelu_tanh", "swiglu"]
"""twotrack.shared.by_hand.activations has the formula of each."""

LEAKY_SLOPE = 0.01
"""Slope of leaky ReLU below 0 (Maas et al. 2013)."""
PRELU_ALPHA = 0.25
"""Slope below 0 that PReLU starts from, one per unit (He et al. 2015)."""


def units_before(activation: Activation, hidden_size: int) -> int:
    """Return the outputs that the dense layer in front needs: SwiGLU turns two halves into one."""
    return 2 * hidden_size if activation == "swiglu" else hidden_size
