"""BERT with one logit in PyTorch. With MiniLM 22,566,913 parameters, 11,720,448 of them for the tokens.

Inputs token_ids (batch, 96) and padding_mask (batch, 96), output logits (batch, 1).
Source: Devlin et al. 2019, section 5.3 for the last four blocks; MiniLM: Wang et al. 2020; mean over the tokens:
Reimers and Gurevych 2019.
"""

import torch
from torch import Tensor, nn

from twotrack.shared.chapters.review_bert import LAST_BLOCKS, Config
from twotrack.shared.weights.pretrained.bert.config import BertConfig
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.torch_track import bert
from twotrack.torch_track.layers import MaskedMean, head


def build(config: Config) -> nn.Module:
    """Return the network."""
    return ReviewBert(config)


class ReviewBert(nn.Module):
    """head(base(inputs))."""

    def __init__(self, config: Config):
        super().__init__()
        encoder_config = open_folder(config.weights).config
        self.base = Base(encoder_config, config.dropout)
        self.head = head(self.base.size, 1, config.dropout)

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> Tensor:
        """Map token_ids (batch, length) and padding_mask (batch, length), true at tokens, to logits (batch, 1)."""
        features = self.base(token_ids, padding_mask)  # (batch, 1536)
        return self.head(features)


class Base(nn.Module):
    """The pretrained encoder; the states after its last four blocks, side by side, and their mean over the tokens."""

    def __init__(self, encoder_config: BertConfig, dropout: float):
        super().__init__()
        self.encoder = bert.Encoder(encoder_config, dropout)
        self.size = encoder_config.hidden_size * min(LAST_BLOCKS, encoder_config.num_hidden_layers)
        self.mean = MaskedMean()

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> Tensor:
        """Map token_ids (batch, length) and padding_mask (batch, length) to features (batch, 1536)."""
        states = self.encoder(token_ids, padding_mask)
        last = torch.cat(states[-LAST_BLOCKS:], dim=-1)  # (batch, 96, 1536)
        return self.mean(last, padding_mask)
