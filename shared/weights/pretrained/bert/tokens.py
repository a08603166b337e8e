"""Texts to WordPiece token ids by a BERT folder's own tokenizer: one for both tracks."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twotrack.shared.datasets import texts
from twotrack.shared.datasets.preparation import Preparation, shortened
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.weights.pretrained.bert import DEFAULT, INSTALL, LENGTH

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from twotrack.shared.weights.pretrained.bert.folder import BertFolder

PAD, START, END, UNKNOWN = "[PAD]", "[CLS]", "[SEP]", "[UNK]"


@dataclass(frozen=True)
class Tokenise(Preparation):
    """Stored texts (batch,) to model inputs: token_ids (batch, length) int32 and padding_mask (batch, length) bool."""

    weights: str = DEFAULT
    """What `--weights` names: the vocabulary is that of the encoder."""
    length: int = LENGTH

    def __call__(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return [CLS] text [SEP], cut at the end or padded; the mask is True on these, False on padding."""
        encodings = self.tokenizer.encode_batch([texts.plain(text) for text in inputs[ONLY]])
        shape = (len(encodings), self.length)
        return {
            "token_ids": np.array([encoding.ids for encoding in encodings], np.int32).reshape(shape),
            "padding_mask": np.array([encoding.attention_mask for encoding in encodings], bool).reshape(shape),
        }

    @property
    def tokenizer(self) -> "Tokenizer":
        """The encoder's own, set to give every text `length` tokens."""
        return _tokenizer(self.weights, self.length)

    def show(self, example: Inputs) -> dict[str, str]:
        """Return the text as a reader sees it."""
        return {"text": shortened(texts.plain(str(example[ONLY])))}


@lru_cache
def _tokenizer(weights: str, length: int) -> "Tokenizer":
    from twotrack.shared.weights.pretrained.bert.folder import open_folder

    return open_tokenizer(open_folder(weights), length)


def open_tokenizer(folder: "BertFolder", length: int) -> "Tokenizer":
    """Return the folder's tokenizer, set to give every text `length` tokens.

    Raises UserError if it is no WordPiece tokenizer that fits the encoder, or the encoder takes fewer tokens.
    """
    try:
        from tokenizers.processors import BertProcessing
    except ImportError as error:
        raise UserError(f"reviews need the package tokenizers, not installed here; run: {INSTALL}") from error
    tokenizer = _read(folder.path)
    _require_fit(tokenizer, folder, length)
    pad, start, end = (tokenizer.get_vocab()[token] for token in (PAD, START, END))
    tokenizer.post_processor = BertProcessing((END, end), (START, start))
    tokenizer.encode_special_tokens = True  # "[SEP]" in a review is five characters, not the end of the text
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=pad, pad_token=PAD)
    return tokenizer


def _read(path: Path) -> "Tokenizer":
    """Return the tokenizer of tokenizer.json; without that file BERT's own, on the words of vocab.txt."""
    from tokenizers import Tokenizer

    whole = path / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(whole)) if whole.is_file() else _from_words(path)
    except Exception as error:  # tokenizers raises no other kind
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: its tokenizer cannot be read ({error}); download the folder again.") from error


def _from_words(path: Path) -> "Tokenizer":
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    from twotrack.shared.weights.pretrained.bert.config import read_tokenizer_config

    config = read_tokenizer_config(path / "tokenizer_config.json")
    tokenizer = Tokenizer(WordPiece(WordPiece.read_file(str(path / "vocab.txt")), unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.normalizer = BertNormalizer(
        handle_chinese_chars=config.tokenize_chinese_chars,
        strip_accents=config.strip_accents,
        lowercase=config.do_lower_case,
    )
    return tokenizer


def _require_fit(tokenizer: "Tokenizer", folder: "BertFolder", length: int) -> None:
    """Require WordPiece, the special tokens, an embedding for every token, and positions for `length` tokens."""
    from tokenizers.models import WordPiece

    words, rows = tokenizer.get_vocab(), folder.config.vocab_size
    missing = [token for token in (PAD, START, END, UNKNOWN) if token not in words]
    if not isinstance(tokenizer.model, WordPiece):
        reason = f"expected a WordPiece tokenizer, found {type(tokenizer.model).__name__}"
    elif missing:
        reason = f"expected the tokens {', '.join(missing)} in its vocabulary"
    elif max(words.values()) >= rows:
        reason = f"its tokenizer has the token number {max(words.values())}, its encoder embeds {rows} tokens"
    elif length > folder.config.max_position_embeddings:
        reason = f"its encoder takes {folder.config.max_position_embeddings} tokens at most, found a length of {length}"
    else:
        return
    raise UserError(f"{folder.path}: {reason}; name the folder of another BERT encoder with --weights.")
