"""A perceptron with two hidden layers in PyTorch. 2,401 parameters; churn_mlp has the formula.

Input (batch, features 40), output logits (batch, 1).
Source: as churn_mlp.
"""

from torch import nn

from twotrack.shared.chapters.optimizers import Config
from twotrack.torch_track.models.churn_mlp import MLP


def build(config: Config) -> nn.Module:
    """Return the network, with ReLU and without dropout."""
    return MLP(config.hidden_size, config.num_layers, "relu")
