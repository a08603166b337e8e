"""Transformer encoder in PyTorch. 17,761 parameters with learned positions.

Inputs months (batch, 12, features 5) and mask (batch, 12), output logits (batch, 1).
Source: Vaswani et al. 2017; pre-norm: Xiong et al. 2020.
"""

from torch import Tensor, nn

from twotrack.shared.chapters.churn_rnn import NUM_FEATURES
from twotrack.shared.chapters.churn_transformer import Config
from twotrack.torch_track.layers import MaskedMean, Positions

EPSILON = 1e-5


def build(config: Config) -> nn.Module:
    """Return the network."""
    return Transformer(config)


class Transformer(nn.Module):
    """Encoder blocks, the mean over the real months, logits."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        # === Embedding ===
        self.embedding = nn.Linear(NUM_FEATURES, config.hidden_size)
        self.positions = Positions(config.positions, config.months, config.hidden_size)
        # === Blocks ===
        for number in range(1, config.num_layers + 1):
            self._add_block(number)
        self.norm = nn.LayerNorm(config.hidden_size, eps=EPSILON) if config.norm == "pre" else nn.Identity()
        # === Head ===
        self.mean = MaskedMean()
        self.logits = nn.Linear(config.hidden_size, 1)

    def _add_block(self, number: int) -> None:
        size, config = self.config.hidden_size, self.config
        layers = {
            "attention_norm": nn.LayerNorm(size, eps=EPSILON),
            "attention": nn.MultiheadAttention(size, config.num_heads, batch_first=True),
            "attention_dropout": nn.Dropout(config.dropout),
            "ffn_norm": nn.LayerNorm(size, eps=EPSILON),
            "ffn_in": nn.Linear(size, config.ffn_size),
            "ffn_act": nn.ReLU(),
            "ffn_out": nn.Linear(config.ffn_size, size),
            "ffn_dropout": nn.Dropout(config.dropout),
        }
        for name, layer in layers.items():
            if config.dropout or not isinstance(layer, nn.Dropout):
                self.add_module(f"{name}{number}", layer)

    def forward(self, months: Tensor, mask: Tensor) -> Tensor:
        """Map months (batch, 12, features 5) and mask (batch, 12) to logits (batch, 1)."""
        x = self.positions(self.embedding(months))  # (batch, 12, 32)
        for number in range(1, self.config.num_layers + 1):
            x = self._block(x, mask, number)
        x = self.mean(self.norm(x), mask)  # (batch, 32)
        return self.logits(x)

    def _block(self, x: Tensor, mask: Tensor, number: int) -> Tensor:
        """Self-attention over the real months, then two dense layers for each month; both are added to their input."""
        attention_norm, ffn_norm = (getattr(self, f"{part}_norm{number}") for part in ("attention", "ffn"))
        if self.config.norm == "pre":
            x = x + self._attention(attention_norm(x), mask, number)
            return x + self._feed_forward(ffn_norm(x), number)
        x = attention_norm(x + self._attention(x, mask, number))
        return ffn_norm(x + self._feed_forward(x, number))

    def _attention(self, x: Tensor, mask: Tensor, number: int) -> Tensor:
        """Every month looks at the real months; torch's mask says where not to look."""
        attend = getattr(self, f"attention{number}")
        x = attend(x, x, x, key_padding_mask=~mask, need_weights=False)[0]  # (batch, 12, 32)
        return getattr(self, f"attention_dropout{number}")(x) if self.config.dropout else x

    def _feed_forward(self, x: Tensor, number: int) -> Tensor:
        """The same two dense layers for every month."""
        x = getattr(self, f"ffn_act{number}")(getattr(self, f"ffn_in{number}")(x))  # (batch, 12, 64)
        x = getattr(self, f"ffn_out{number}")(x)  # (batch, 12, 32)
        return getattr(self, f"ffn_dropout{number}")(x) if self.config.dropout else x
