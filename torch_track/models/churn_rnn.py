"""Recurrent network in PyTorch. 12,801 trained parameters: 64 (5 + 64 + 1) + 64 (64 + 64 + 1) + 65.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Elman 1990, with two layers.
"""

from collections.abc import Callable

from torch import Tensor, nn

from twotrack.shared.chapters.churn_rnn import NUM_FEATURES, Config
from twotrack.torch_track.layers import RNN, last_real


def build(config: Config) -> nn.Module:
    """Return the network."""
    return Recurrent(RNN, "rnn", config)


class Recurrent(nn.Module):
    """Recurrent layers over the real months, logits from the state after the last of them.

    Masked months come last, so no state before them sees them.
    """

    def __init__(self, layer: Callable[[int, int], nn.Module], prefix: str, config: Config):
        super().__init__()
        self.prefix, self.num_layers = prefix, config.num_layers
        num_inputs = NUM_FEATURES
        for number in range(1, config.num_layers + 1):
            self.add_module(f"{prefix}{number}", layer(num_inputs, config.hidden_size))
            if config.dropout:
                self.add_module(f"dropout{number}", nn.Dropout(config.dropout))
            num_inputs = config.hidden_size
        self.logits = nn.Linear(num_inputs, 1)

    def forward(self, months: Tensor, mask: Tensor) -> Tensor:
        """Map months (batch, 12, features 5) and mask (batch, 12) to logits (batch, 1)."""
        x = months
        for number in range(1, self.num_layers + 1):
            x = getattr(self, f"{self.prefix}{number}")(x)[0]  # (batch, 12, 64)
            if number == self.num_layers:
                x = last_real(x, mask)  # (batch, 64)
            x = getattr(self, f"dropout{number}", nn.Identity())(x)
        return self.logits(x)
