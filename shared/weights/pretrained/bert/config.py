"""What the config.json of a BERT folder says about the encoder."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, model_validator

from twotrack.shared.base import config_files

REMEDY = "name the folder of a BERT encoder with --weights"
Count = Annotated[int, Gt(0)]


class BertConfig(BaseModel):
    """The encoder's hyperparameters under Hugging Face's names; what else a config.json says is ignored."""

    model_config = ConfigDict(frozen=True)

    model_type: Literal["bert"]
    vocab_size: Count
    hidden_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    intermediate_size: Count
    max_position_embeddings: Count
    type_vocab_size: Count = 2
    hidden_act: Literal["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"] = "gelu"
    """gelu is exact; gelu_new and gelu_pytorch_tanh are two names of the approximation by tanh."""
    layer_norm_eps: Annotated[float, Gt(0)] = 1e-12
    position_embedding_type: Literal["absolute"] = "absolute"
    is_decoder: Literal[False] = False

    @property
    def head_size(self) -> int:
        """Features of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @model_validator(mode="after")
    def _heads_share_the_hidden_size(self) -> "BertConfig":
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"{self.num_attention_heads} heads do not divide a hidden size of {self.hidden_size}")
        return self


class TokenizerConfig(BaseModel):
    """What a tokenizer_config.json says about splitting texts, where there is only a list of words beside it."""

    tokenizer_class: Literal["BertTokenizer", "BertTokenizerFast"] = "BertTokenizer"
    do_lower_case: bool = True
    strip_accents: bool | None = None
    """Nothing means: as `do_lower_case`."""
    tokenize_chinese_chars: bool = True


def read_config(file: Path) -> BertConfig:
    """Return what the file says; UserError if it is no config of a BERT encoder."""
    return config_files.read_config(BertConfig, file, REMEDY)


def read_tokenizer_config(file: Path) -> TokenizerConfig:
    """Return what the file says, or BERT's own settings if there is none; UserError if it is of no BERT tokenizer."""
    return config_files.read_config(TokenizerConfig, file, REMEDY) if file.is_file() else TokenizerConfig()
