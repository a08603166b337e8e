"""Multilayer perceptron in PyTorch. 6,849 parameters; with h = hidden_size, L = num_layers:
41 h + (L - 1)(h + 1) h + h + 1. PReLU adds L h; SwiGLU doubles the outputs of every hidden layer.

Input (batch, features 40), output logits (batch, 1).
Source: Rumelhart, Hinton and Williams 1986; ReLU of Nair and Hinton 2010; dropout of Srivastava et al. 2014.
"""

from torch import nn

from twotrack.shared.chapters.churn_mlp import NUM_FEATURES, Config
from twotrack.shared.spec.activations import Activation, units_before
from twotrack.torch_track.layers import activation


def build(config: Config) -> nn.Module:
    """Return the network."""
    return MLP(config.hidden_size, config.num_layers, config.activation, config.dropout)


class MLP(nn.Sequential):
    """Hidden layers dense1, act1, dropout1, dense2, ... and logits; no dropout layers for a rate of 0."""

    def __init__(self, hidden_size: int, num_layers: int, kind: Activation, dropout: float = 0.0):
        super().__init__()
        num_inputs = NUM_FEATURES
        for number in range(1, num_layers + 1):
            self.add_module(f"dense{number}", nn.Linear(num_inputs, units_before(kind, hidden_size)))
            self.add_module(f"act{number}", activation(kind, hidden_size))  # (batch, 64)
            if dropout:
                self.add_module(f"dropout{number}", nn.Dropout(dropout))
            num_inputs = hidden_size
        self.add_module("logits", nn.Linear(num_inputs, 1))
