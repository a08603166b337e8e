"""Texts in the graph: the tokens of the tokenizer, for every text there can be; the served answer of `predict`."""

import json
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from pathlib import Path

import numpy as np
import pytest

from tests.bert import folders
from tests.export import served
from twotrack.shared.datasets import texts
from twotrack.shared.weights.pretrained.bert.characters import CODES, SURROGATES
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.weights.pretrained.bert.tokens import Tokenise, open_tokenizer
from twotrack.shared.weights.pretrained.bert.word_piece import OtherTokenizerError, word_pieces
from twotrack.shared.workers.pool import WorkerPool

TF = "keras:tensorflow"
CHARACTERS = [chr(code) for code in range(CODES) if code not in SURROGATES]
MARKS = [character for character in CHARACTERS if unicodedata.combining(character)]
BETWEEN = [" ", "\t", "\0", "\u200d", "\ufe0f", "\u202e", "\ufffd", "\u3000", "\u0085", "\ufeff", "\x1b"]
MARKUP = [
    "<br />", "</p>", "<a href='x'>", "<3", "a < b", "<", "&", "&#", "&#x", "&#xg", "&#000000000065;", "&#99999999999",
    "&#x0000000000041;", "&#xfffffffffff;", "&#0;", "&#x80;", "&#xFDD0", "&#x1F600;", "&amp", "&ampx", "&notit;", "&;",
]  # fmt: skip
FIXED = [
    "",
    " ",
    "\n\t ",
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "é" * 101,
    "[SEP] [MASK]",
    "##s",
    "İ",
    "ΑΣ",
    "가각",
    *MARKUP,
]


def large(size: int) -> list[str]:
    """Return texts of so many bytes, each of one kind."""
    return [
        "a " * (size // 2), "x" * size, "<br />" * (size // 6), "&" * size, "&amp;" * (size // 5),
        "e\u0301" * (size // 3), "漢" * (size // 3), "<" * size, "&#" + "9" * size, "\u0301" * (size // 2),
        "\U0001d165\U0001d16d" * (size // 8), " " * size,
    ]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """How many drawn texts, and of how many bytes the large ones are."""

    count: int
    size: int


FEW, MANY = Asked(1500, 10_000), Asked(5000, 100_000)


def drawn(count: int, seed: int) -> Iterator[str]:
    """Yield texts of many kinds."""
    draw, words = random.Random(seed), list(open_tokenizer(open_folder(), 16).get_vocab())
    names = list(html5)
    kinds = (
        lambda: draw.choice(CHARACTERS),
        lambda: chr(draw.randint(0, 0x2FFF)),
        lambda: draw.choice("aé漢가x") + "".join(draw.choices(MARKS, k=draw.randint(0, 4))),
        lambda: draw.choice((draw.choice(words), chr(draw.randint(0x1F300, 0x1FAFF)), draw.choice(BETWEEN))),
        lambda: draw.choice((*MARKUP, f"&{draw.choice(names)}", f"&#{draw.randint(0, 0x110010)};", "text", " ")),
        lambda: draw.choice(
            (f"&{draw.choice(names)[:-1]}", f"&#x{draw.randint(0, 0x110010):x}", f"&#{draw.randint(0, 300)}x")
        ),
        lambda: chr(draw.randint(0x590, 0x6FF)),
        lambda: "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(1, 110))) + " ",
    )
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield "".join(kind() for _ in range(draw.randint(0, 30)))


@dataclass(frozen=True)
class Found:
    token_ids: np.ndarray
    padding_mask: np.ndarray


@pytest.fixture(
    scope="module", params=[pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]
)
def asked(request: pytest.FixtureRequest) -> list[str]:
    return [*FIXED, *drawn(request.param.count, seed=0), *large(request.param.size)]


@pytest.fixture(scope="module")
def found(asked: list[str], workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The graph's tokens of all of them."""
    return in_graph(asked, Tokenise(), workers, tmp_path_factory.mktemp("texts"))


def in_graph(asked: list[str], prepare: Tokenise, workers: WorkerPool, folder: Path) -> Found:
    np.savez(folder / "asked.npz", texts=np.array([text.encode().hex() for text in asked]))
    workers.call(TF, served.tokens, served.Texts(folder / "asked.npz", prepare.weights, prepare.length))
    with np.load(folder / "asked.npz.tokens.npz") as archive:
        return Found(archive["token_ids"], archive["padding_mask"])


def differing(one: np.ndarray, other: np.ndarray, asked: list[str]) -> list[str]:
    return [ascii(asked[row])[:80] for row in np.flatnonzero((one != other).any(axis=1))]


def test_the_graph_gives_the_tokens_that_predict_gives(asked: list[str], found: Found):
    expected = Tokenise()({"input": texts.array(asked)})

    assert differing(found.token_ids, expected["token_ids"], asked) == []
    assert differing(found.padding_mask, expected["padding_mask"], asked) == []


def test_the_graph_gives_the_tokens_of_the_first_implementation(
    asked: list[str], found: Found, workers: WorkerPool, tmp_path: Path
):
    """Independent of the tokenizers' library: Google's algorithm, as transformers has it in Python.

    The two know other versions of Unicode and lower a letter before or after they take off its accents: only texts of
    characters that Unicode 3.2 had are asked about, without those few of which the order shows.
    """
    plain = [texts.plain(text) for text in asked]
    known = [row for row, text in enumerate(plain) if len(asked[row]) < 1000 and all(map(comparable, text))]
    (tmp_path / "texts.json").write_text(json.dumps([plain[row] for row in known]))

    ids = workers.call("torch", served.first_tokens, served.FirstTexts(tmp_path / "texts.json", open_folder().path, 96))

    assert len(known) > len(asked) // 8
    assert differing(found.token_ids[known], np.array(ids), [asked[row] for row in known]) == []


def comparable(character: str) -> bool:
    """Tell whether the two know the character, and agree on when to lower it."""
    lower_first = unicodedata.normalize("NFD", character.lower())
    lower_last = "".join(map(str.lower, unicodedata.normalize("NFD", character)))
    assigned = unicodedata.ucd_3_2_0.category(character) != "Cn"
    return assigned and lower_first == lower_last and character not in "\u180e\u03a3"


def test_bytes_that_are_no_utf8_are_refused(workers: WorkerPool, tmp_path: Path):
    bad = [b"\xff", b"a\xed\xa0\x80b", b"\xc0\x80", b"\xf4\x90\x80\x80", b"cut \xe2\x82"]
    np.savez(tmp_path / "asked.npz", texts=np.array([text.hex() for text in bad]))

    found = workers.call(TF, served.refusals, served.Texts(tmp_path / "asked.npz", "minilm", 16))

    assert ["Invalid formatting on input string" in message for message in found] == [True] * len(bad)


@pytest.mark.parametrize("accents", [None, *(pytest.param(strip, marks=pytest.mark.slow) for strip in (False, True))])
def test_a_cased_tokenizer_keeps_case(accents: bool | None, workers: WorkerPool, tmp_path: Path):
    words = [*folders.WORDS, "Caf", "##e", "Cafe", "\u0301", "##\u0301", "é", "##é"]
    folder = folders.write(tmp_path / "bert", words=words)
    told = {"do_lower_case": False, "strip_accents": accents, "tokenize_chinese_chars": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    asked, prepare = [*FIXED, *drawn(300, seed=1), "Café Cafe\u0301 great GREAT"], Tokenise(str(folder), 16)

    made = in_graph(asked, prepare, workers, tmp_path)

    assert differing(made.token_ids, prepare({"input": texts.array(asked)})["token_ids"], asked) == []


def test_another_kind_of_tokenizer_is_not_imitated():
    from tokenizers import normalizers

    tokenizer = open_tokenizer(open_folder(), 16)
    tokenizer.normalizer = normalizers.NFKC()

    with pytest.raises(OtherTokenizerError, match="its normalizer is NFKC, not BertNormalizer"):
        word_pieces(tokenizer)
