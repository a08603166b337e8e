"""A BERT tokenizer as plain data, so that something else than its library can do what it does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twotrack.shared.weights.pretrained.bert.characters import Characters, Normalization, characters
from twotrack.shared.weights.pretrained.bert.tokens import END, PAD, START

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class OtherTokenizerError(Exception):
    """The tokenizer does something that BERT's does not; the message says what."""


@dataclass(frozen=True)
class WordPieces:
    """All that makes tokens of a text."""

    words: Mapping[str, int]
    """Token numbers."""
    prefix: str
    """In front of a piece that continues a word."""
    most_characters: int
    """A longer word is unknown."""
    unknown: int
    start: int
    end: int
    pad: int
    normalization: Normalization

    @property
    def characters(self) -> Characters:
        """What becomes of each character."""
        return characters(self.normalization)


def word_pieces(tokenizer: "Tokenizer") -> WordPieces:
    """Return what an opened tokenizer does; OtherTokenizerError if it is more than BERT's own four steps."""
    described = json.loads(tokenizer.to_str())
    for name, expected in (("normalizer", "BertNormalizer"), ("pre_tokenizer", "BertPreTokenizer")):
        if (found := _kind(described[name])) != expected:
            raise OtherTokenizerError(f"its {name} is {found}, not {expected}")
    for token in described["added_tokens"]:
        if not token["special"]:
            raise OtherTokenizerError(f"it has an added token, {token['content']!r}")
    told, model, known = described["normalizer"], described["model"], tokenizer.get_vocab()
    accents = told["lowercase"] if told["strip_accents"] is None else told["strip_accents"]
    return WordPieces(
        words=tokenizer.get_vocab(with_added_tokens=False),
        prefix=model["continuing_subword_prefix"],
        most_characters=model["max_input_chars_per_word"],
        unknown=known[model["unk_token"]],
        start=known[START],
        end=known[END],
        pad=known[PAD],
        normalization=Normalization(told["clean_text"], told["handle_chinese_chars"], accents, told["lowercase"]),
    )


def _kind(part: Any) -> str:
    return part["type"] if part else "none"
