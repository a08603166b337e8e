"""The BERT encoder in PyTorch: transformers' BertModel, under the canonical names.

token_ids (batch, length) and padding_mask (batch, length) to the states (batch, length, hidden_size) after every
block. MiniLM-L6-H384: 22.6 million parameters, 11.7 million of them for the tokens.
Source: Devlin et al. 2019; MiniLM of Wang et al. 2020.
"""

from torch import Tensor, nn
from transformers import BertConfig as HuggingFaceConfig
from transformers import BertModel

from twotrack.shared.weights.pretrained.bert import names
from twotrack.shared.weights.pretrained.bert.config import BertConfig
from twotrack.torch_track import weights


class Encoder(nn.Module):
    """BertModel without its pooler."""

    def __init__(self, config: BertConfig, dropout: float):
        super().__init__()
        self.bert = BertModel(_settings(config, dropout), add_pooling_layer=False)
        self.canonical_paths = {
            f"bert.{torch_path}": canonical_path for torch_path, canonical_path in names.paths(config).items()
        }
        for module in names.modules(config):
            setattr(self.bert.get_submodule(module.published_path), weights.RULE, module.rule)

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> list[Tensor]:
        """Return the states after every block; the mask is True where there is a token.

        All tokens are of the first segment.
        """
        outputs = self.bert(input_ids=token_ids, attention_mask=padding_mask, output_hidden_states=True)
        return list(outputs.hidden_states[1:])  # the first are the embeddings


def _settings(config: BertConfig, dropout: float) -> HuggingFaceConfig:
    """Return the config, with one dropout rate for attention and states, as keras_hub has it."""
    return HuggingFaceConfig(
        **config.model_dump(exclude={"model_type", "position_embedding_type"}),
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=None,  # else torch alone would never train the embedding of [PAD]
        attn_implementation="eager",  # the sums that keras_hub does, and deterministic on a GPU
    )
