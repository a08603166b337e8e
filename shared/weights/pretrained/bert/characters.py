"""What a BERT tokenizer does with every character, asked of the tokenizer itself: the tables that a served graph reads.

Rust's tokenizers, TensorFlow's ICU and Python know different versions of Unicode. So nothing here is taken from a
standard: the installed library is asked about all 1,112,064 characters, as `twotrack predict` asks it about a text.

BERT's normalizer looks at one character at a time, with one exception: where accents are stripped, marks behind a
letter are put in canonical order (Unicode 15, section 3.11). Most marks are then removed; those that stay need it.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

CODES = 0x110000
SURROGATES = range(0xD800, 0xE000)
MARKS = (*range(0x20000), *range(0xE0000, 0xE1000))
"""Where marks can be; the rest is for Chinese characters and for private use."""
WORD, SPACE, PUNCTUATION = 0, 1, 2
"""Kinds of characters: part of a word, between words, a word of its own."""
NOTHING, ITSELF = -1, -2
"""In the place of a character: none, but marks are not sorted across it; the one that was given."""
_SEPARATOR, _LETTER = "|", "a"
_CHUNK = 1000
"""Characters in one question: the library slows down with long texts."""


@dataclass(frozen=True)
class Normalization:
    """What BERT's normalizer is told."""

    clean_text: bool
    handle_chinese_chars: bool
    strip_accents: bool
    lowercase: bool


@dataclass(frozen=True)
class Characters:
    """Tables over all code points."""

    row: np.ndarray
    """(code points,) int32: where a code point's replacement is; 0 means that it stays as it is."""
    starts: np.ndarray
    """(rows,) int32: where in `replaced` a row begins."""
    lengths: np.ndarray
    """(rows,) int32"""
    replaced: np.ndarray
    """(all rows together,) int32: code points, NOTHING or ITSELF."""
    order: np.ndarray
    """As `replaced`: 0 for a character that marks are not sorted across, else its place among marks."""
    kind: np.ndarray
    """(code points,) int32: WORD, SPACE or PUNCTUATION, of what was replaced already."""


@lru_cache
def characters(normalization: Normalization) -> Characters:
    """Ask about every character, which takes some seconds."""
    rows: dict[tuple[tuple[int, int], ...], int] = {((ITSELF, 0),): 0}
    row: np.ndarray = np.zeros(CODES, np.int32)
    for code, replacement in _replacements(normalization):
        row[code] = rows.setdefault(replacement, len(rows))
    lengths = np.array([len(replacement) for replacement in rows], np.int32)
    flat = np.array([*chain.from_iterable(rows)], np.int32).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32)
    return Characters(row, starts, lengths, flat[:, 0].copy(), flat[:, 1].copy(), _kinds())


def _chunks() -> Iterator[list[str]]:
    codes = [code for code in range(CODES) if code not in SURROGATES]
    for start in range(0, len(codes), _CHUNK):
        yield [chr(code) for code in codes[start : start + _CHUNK]]


def _replacements(told: Normalization) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
    """Yield the code points that do not stay as they are, each with its replacement and the places among marks."""
    from tokenizers.normalizers import NFD, BertNormalizer, Sequence

    clean = BertNormalizer(told.clean_text, told.handle_chinese_chars, strip_accents=False, lowercase=False)
    first = Sequence([clean, NFD()]) if told.strip_accents else clean
    last = BertNormalizer(False, False, told.strip_accents, told.lowercase)
    marks = _marks() if told.strip_accents else {}
    for given in _chunks():
        parts_of = _each(first, given)
        if parts_of == given and _each(last, given) == given and marks.keys().isdisjoint(given):
            continue
        atoms = {part: _atoms(last.normalize_str(part), marks.get(part, 0)) for part in set("".join(parts_of))}
        for character, parts in zip(given, parts_of, strict=True):
            replacement = tuple(chain.from_iterable(atoms[part] for part in parts))
            if replacement != ((ord(character), 0),):
                yield ord(character), replacement


def _atoms(text: str, place: int) -> tuple[tuple[int, int], ...]:
    """Return a part's replacement; of a mark that is removed nothing is left, of another character its place."""
    if text:
        return tuple((ord(character), place) for character in text)
    return () if place else ((NOTHING, 0),)


def _each(normalizer: "Normalizer", given: Sequence[str]) -> list[str]:
    """Return what the normalizer makes of each character."""
    if _SEPARATOR in given:
        return [normalizer.normalize_str(character) for character in given]
    return normalizer.normalize_str(_SEPARATOR.join(given)).split(_SEPARATOR)


def _marks() -> dict[str, int]:
    """Return each mark's place in canonical order, from 1: how many of the known classes do not move behind it."""
    from tokenizers.normalizers import NFD

    nfd = NFD()
    by_class = {unicodedata.combining(mark): mark for mark in map(chr, MARKS) if unicodedata.combining(mark)}
    probes = [by_class[number] for number in sorted(by_class)]
    low, high = probes[0], by_class[220]
    marks = {}
    for mark in _possible_marks():
        moves = nfd.normalize_str(_LETTER + mark + low) != _LETTER + mark + low
        if moves or nfd.normalize_str(_LETTER + high + mark) != _LETTER + high + mark:
            marks[mark] = sum(nfd.normalize_str(_LETTER + probe + mark)[-1] == mark for probe in probes) or 1
    return marks


def _possible_marks() -> Iterator[str]:
    """Yield characters that decompose no further and are marks, or may be in a Unicode newer than Python's."""
    for code in MARKS:
        if unicodedata.category(chr(code)) in {"Mn", "Mc", "Me", "Cn"} and not unicodedata.decomposition(chr(code)):
            yield chr(code)


@lru_cache
def _kinds() -> np.ndarray:
    """Return the kind of every code point, asked of BERT's pre-tokenizer."""
    from tokenizers.pre_tokenizers import BertPreTokenizer

    pre_tokenizer = BertPreTokenizer()
    kinds: np.ndarray = np.full(CODES, WORD, np.int32)
    for given in _chunks():
        text = _LETTER + _LETTER.join(given) + _LETTER
        spans = [span for _, span in pre_tokenizer.pre_tokenize_str(text)]
        for start, end in spans:
            if end - start == 1 and start % 2:
                kinds[ord(text[start])] = PUNCTUATION
        covered: np.ndarray = np.zeros(len(text), bool)
        for start, end in spans:
            covered[start:end] = True
        for index in np.flatnonzero(~covered):
            kinds[ord(text[index])] = SPACE
    return kinds
