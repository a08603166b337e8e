"""BERT with one logit in PyTorch. MiniLM's first four blocks: 19,016,833 parameters, 11,720,448 for the tokens.

Inputs token_ids (batch, 96) and padding_mask (batch, 96), output logits (batch, 1).
Source: Devlin et al. 2019; MiniLM: Wang et al. 2020; mean over the tokens: Reimers and Gurevych 2019.
"""

from torch import Tensor, nn

from shared.bert.config import BertConfig
from shared.chapters.review_bert import Config, encoder
from torch_track import bert
from torch_track.layers import MaskedMean


def build(config: Config) -> nn.Module:
    """Return the network."""
    return ReviewBert(config)


class ReviewBert(nn.Module):
    """head(base(inputs))."""

    def __init__(self, config: Config):
        super().__init__()
        encoder_config = encoder(config)
        self.base = Base(encoder_config, config.dropout)
        self.head = head(encoder_config.hidden_size, config.dropout)

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> Tensor:
        """Map token_ids (batch, length) and padding_mask (batch, length), true at tokens, to logits (batch, 1)."""
        features = self.base(token_ids, padding_mask)  # (batch, 384)
        return self.head(features)


class Base(nn.Module):
    """The pretrained encoder, and the mean of its last states over the tokens of the text."""

    def __init__(self, encoder_config: BertConfig, dropout: float):
        super().__init__()
        self.encoder = bert.Encoder(encoder_config, dropout)
        self.mean = MaskedMean()

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> Tensor:
        """Map token_ids (batch, length) and padding_mask (batch, length) to features (batch, 384)."""
        states = self.encoder(token_ids, padding_mask)  # (batch, 96, 384)
        return self.mean(states, padding_mask)


def head(size: int, dropout: float) -> nn.Sequential:
    """What is new: one dense layer."""
    network = nn.Sequential()
    if dropout:
        network.add_module("dropout", nn.Dropout(dropout))
    network.add_module("logits", nn.Linear(size, 1))
    return network
