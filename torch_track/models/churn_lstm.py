"""Long short-term memory in PyTorch. 51,009 trained parameters: 4 * 64 (5 + 64 + 1) + 4 * 64 (64 + 64 + 1) + 65.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; two layers of 64 in the
original chapter.
"""

from torch import nn

from twotrack.shared.chapters.churn_rnn import Config
from twotrack.torch_track.layers import LSTM
from twotrack.torch_track.models.churn_rnn import Recurrent


def build(config: Config) -> nn.Module:
    """Return the network."""
    return Recurrent(LSTM, "lstm", config)
