"""One neuron, logistic regression, in PyTorch. 3 parameters.

Input (batch, features 2), output logits (batch, 1); the sigmoid is part of the loss.
Source: Rosenblatt 1958 for the neuron, Cox 1958 for its training by the log-likelihood.
"""

from torch import Tensor, nn

from twotrack.shared.chapters.neuron import FEATURES, Config


def build(config: Config) -> nn.Module:
    """Return the neuron."""
    return Neuron()


class Neuron(nn.Module):
    """One dense layer with one output."""

    def __init__(self) -> None:
        super().__init__()
        self.neuron = nn.Linear(len(FEATURES), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, 2) to logits (batch, 1)."""
        return self.neuron(x)
