"""A network with one hidden layer in PyTorch. 17 parameters: 4 * hidden_size + 1.

Input (batch, features 2), output logits (batch, 1).
Source: Rumelhart, Hinton and Williams 1986; shared/by_hand/two_layer.py has its backward pass.
"""

from torch import Tensor, nn

from twotrack.shared.chapters.backprop import Config
from twotrack.shared.chapters.neuron import FEATURES
from twotrack.shared.spec.activations import Activation
from twotrack.torch_track.layers import activation


def build(config: Config) -> nn.Module:
    """Return the network."""
    return TwoLayer(config.hidden_size, config.activation)


class TwoLayer(nn.Module):
    """Dense, activation, dense."""

    def __init__(self, hidden_size: int, kind: Activation):
        super().__init__()
        self.hidden = nn.Linear(len(FEATURES), hidden_size)
        self.activation = activation(kind, hidden_size)
        self.logits = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, 2) to logits (batch, 1)."""
        x = self.activation(self.hidden(x))  # (batch, 4)
        return self.logits(x)
