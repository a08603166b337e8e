"""A perceptron with ten hidden layers in PyTorch. 10,849 parameters; churn_mlp has the formula.

Input (batch, features 40), output logits (batch, 1).
Source: as churn_mlp; gradients that vanish with depth: Hochreiter 1991, Glorot and Bengio 2010.
"""

from torch import nn

from twotrack.shared.chapters.activations import Config
from twotrack.torch_track.models.churn_mlp import MLP


def build(config: Config) -> nn.Module:
    """Return the network, without dropout."""
    return MLP(config.hidden_size, config.num_layers, config.activation)
