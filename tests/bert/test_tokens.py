"""One tokenizer for both tracks: the ids of transformers' own, for every text there can be."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bert import folders, tasks
from twotrack.shared.datasets import reviews, texts
from twotrack.shared.datasets.files import Source
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.weights.pretrained import bert
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.weights.pretrained.bert.tokens import Tokenise, open_tokenizer

ODD = [
    "", " ", "\t\n", "\0", "a\0b", "\x07\x1b[31mred\x1b[0m", "\u200b\u200d\ufeff", "\ufffd", "no-break\u00a0space",
    "Café crème, naïve Übermaß", "Ğİ\u0131", "ﬁne ﬀ", "ß", "Ω≠µ", "数据很好", "とても良い。", "무난해요", "ممتاز جداً",
    "हिन्दी", "ไทย", "😀 great 👍🏽 👨\u200d👩\u200d👧\u200d👦", "\u202eright-to-left", "e\u0301",
    "a" * 99, "a" * 101, "word " * 500,
    "!?!?...", "$5.99", "don't", "x" * 20_000, "\u3000", "1\u00bd", "\U000e0041", "\U0001d4d5\U0001d4ea", "\r\n",
]  # fmt: skip
"""Long, empty, of other scripts, emoji, accents, control characters, what splits words and what does not."""
MANY = [*folders.WORDS, *map(str, range(60))]
SPECIAL = ["[SEP]", "[MASK] and [PAD]", "great[CLS]great", "[sep]", "[UNK]"]


@pytest.fixture(scope="session")
def published() -> list[str]:
    """The 5,000 reviews as they were written."""
    loaded = reviews.read(Source("embedded", reviews.EMBEDDED))
    return [text for split in (loaded.train, loaded.validation, loaded.test) for text in split.inputs[ONLY]]


@pytest.fixture(scope="session")
def reference(workers, published: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """The ids that the frameworks' own tokenizers give the odd texts, and the reviews without markup, uncut."""
    file = tmp_path_factory.mktemp("texts") / "texts.json"
    file.write_text(json.dumps([*ODD, *SPECIAL, *map(texts.plain, published)]))
    asked = tasks.Texts(str(file), str(open_folder().path))
    return {
        "transformers": workers.call("torch", tasks.transformers_tokens, asked),
        "keras_hub": workers.call("keras:tensorflow", tasks.keras_hub_tokens, asked),
    }


def ids_of(found: dict[str, np.ndarray]) -> Iterator[list[int]]:
    """Yield the ids of each text without padding, and require that this is at the end."""
    for ids, mask in zip(found["token_ids"], found["padding_mask"], strict=True):
        assert mask[: mask.sum()].all()
        assert (ids[mask.sum() :] == 0).all()
        yield ids[mask].tolist()


def cut(ids: list[int], length: int) -> list[int]:
    return ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]


def own_tokenizer(path: Path, length: int = 8):
    return open_tokenizer(open_folder.__wrapped__(str(path)), length)


@pytest.mark.parametrize("length", [2, 96, 512])
def test_ids_are_those_of_transformers_for_every_review_and_odd_text(published, reference, length: int):
    found = Tokenise(bert.DEFAULT, length)({ONLY: ODD + SPECIAL + published})

    expected = [cut(ids, length) for ids in reference["transformers"]]
    assert list(ids_of(found)) == expected


def test_keras_hub_agrees_on_every_review_in_ascii_and_differs_where_the_data_card_says(published, reference):
    ours = list(ids_of(Tokenise(bert.DEFAULT, 512)({ONLY: published})))

    theirs = [cut(ids, 512) for ids in reference["keras_hub"][-len(published) :]]

    ascii_only = [texts.plain(text).isascii() for text in published]
    differ = [one != other for one, other in zip(ours, theirs, strict=True)]
    assert not any(differs and plain for differs, plain in zip(differ, ascii_only, strict=True))
    assert (len(published), len(published) - sum(ascii_only), sum(differ)) == (5000, 21, 20)


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("e\u0301", ["e"], ["[UNK]"]),
        ("no-break\u00a0space", ["no", "-", "break", "space"], ["no", "-", "[UNK]"]),
        ("a\0b", ["ab"], ["a", "b"]),
        ("\ufffd", [], ["[UNK]"]),
    ],
)
def test_accents_spaces_and_control_characters_are_where_keras_hub_differs(reference, text, ours, theirs):
    words, number = open_tokenizer(open_folder(), 32), (ODD + SPECIAL).index(text)

    spelled = {who: [words.id_to_token(one) for one in found[number][1:-1]] for who, found in reference.items()}

    assert spelled == {"transformers": ours, "keras_hub": theirs}


def test_inputs_have_the_stated_types_and_shapes():
    found = Tokenise()({ONLY: np.array(ODD, np.dtypes.StringDType())})

    assert {name: (array.shape, array.dtype) for name, array in found.items()} == {
        "token_ids": ((len(ODD), bert.LENGTH), np.dtype(np.int32)),
        "padding_mask": ((len(ODD), bert.LENGTH), np.dtype(bool)),
    }
    assert (found["token_ids"][:, 0] == 101).all()
    assert found["padding_mask"][:, :2].all()


def test_no_texts_give_no_rows():
    assert Tokenise()({ONLY: []})["token_ids"].shape == (0, bert.LENGTH)


@given(st.lists(st.text(st.characters(), max_size=80), max_size=4), st.integers(2, 40))
def test_every_text_becomes_one_row_that_does_not_depend_on_its_neighbours(written: list[str], length: int):
    """Surrogates without their other half included, as a terminal can pass them."""
    tokenise = Tokenise(bert.DEFAULT, length)

    found = tokenise({ONLY: texts.array(written)})

    for number, text in enumerate(written):
        alone = tokenise({ONLY: texts.array([text])})
        assert found["token_ids"][number].tolist() == alone["token_ids"][0].tolist()
        ids = next(ids_of(alone))
        assert (ids[0], ids[-1]) == (101, 102)
        assert not {101, 102} & set(ids[1:-1])


def test_markup_is_no_text():
    tokenise = Tokenise()

    marked = tokenise({ONLY: ['Good.<br /><br />I&apos;ll <a href="http://www.amazon.com/gp">buy</a> &quot;it&quot;']})
    plain = tokenise({ONLY: ["""Good. I'll buy "it" """]})

    np.testing.assert_array_equal(marked["token_ids"], plain["token_ids"])


def test_5000_reviews_take_no_longer_than_five_seconds(published):
    """Of processor time, which other work on the machine does not change."""
    tokenise = Tokenise()
    tokenise({ONLY: published[:1]})
    start = time.process_time()

    tokenise({ONLY: published})

    assert time.process_time() - start < 5


# === A folder's own tokenizer ===


def test_a_list_of_words_is_enough(tmp_path: Path):
    tokenizer = own_tokenizer(folders.write(tmp_path / "own"))

    assert " ".join(tokenizer.encode("Great coffees. [SEP]").tokens) == "[CLS] great coffee ##s . [ sep [SEP]"
    assert tokenizer.encode("tea").tokens == ["[CLS]", "[UNK]", "[SEP]", *["[PAD]"] * 5]


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({}, ["great", "great", "cafe"]),
        ({"do_lower_case": False}, ["Great", "great", "[UNK]"]),
        ({"do_lower_case": False, "strip_accents": True}, ["Great", "great", "cafe"]),
        ({"strip_accents": False}, ["great", "great", "[UNK]"]),
    ],
)
def test_the_folder_says_whether_capitals_and_accents_count(tmp_path: Path, settings: dict, tokens: list[str]):
    own = folders.write(tmp_path / "own")
    (own / "tokenizer_config.json").write_text(json.dumps(settings))

    assert own_tokenizer(own).encode("Great great café").tokens[1:4] == tokens


def test_a_whole_tokenizer_beside_the_words_is_preferred(tmp_path: Path):
    own = folders.write(tmp_path / "own")
    lower = own_tokenizer(own)
    (own / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert own_tokenizer(own).encode("Great").tokens[1] == "Great"
    lower.save(str(own / "tokenizer.json"))

    assert own_tokenizer(own, length=4).encode("Great").tokens == ["[CLS]", "great", "[SEP]", "[PAD]"]


def refusal(path: Path, length: int = 8) -> str:
    with pytest.raises(UserError) as caught:
        own_tokenizer(path, length)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "length", "reason"),
    [
        (folders.WORDS[1:], 8, "expected the tokens [PAD] in its vocabulary"),
        (["[PAD]", "great"], 8, "expected the tokens [CLS], [SEP], [UNK] in its vocabulary"),
        (MANY, 8, "its tokenizer has the token number 73, its encoder embeds 40 tokens"),
        (folders.WORDS, 17, "its encoder takes 16 tokens at most, found a length of 17"),
    ],
)
def test_a_tokenizer_that_does_not_fit_is_refused(tmp_path: Path, words: list[str], length: int, reason: str):
    own = folders.write(tmp_path / "own", words=words)

    assert refusal(own, length) == f"{own}: {reason}; name the folder of another BERT encoder with --weights."


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    own = folders.write(tmp_path / "own")
    words = {word: number for number, word in enumerate(folders.WORDS)}
    Tokenizer(WordLevel(words, unk_token="[UNK]")).save(str(own / "tokenizer.json"))

    assert "expected a WordPiece tokenizer, found WordLevel" in refusal(own)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tokenizer.json", b"{}", "its tokenizer cannot be read ("),
        ("tokenizer.json", b"", "its tokenizer cannot be read ("),
        ("vocab.txt", b"\xff\xfe", "its tokenizer cannot be read ("),
        ("vocab.txt", b"", "expected the tokens [PAD], [CLS], [SEP], [UNK] in its vocabulary"),
        ("tokenizer_config.json", b"{", "invalid JSON: "),
        ("tokenizer_config.json", b'{"tokenizer_class": "OtherTokenizer"}', "'tokenizer_class': input should be"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, reason: str):
    own = folders.write(tmp_path / "own")
    (own / name).write_bytes(content)

    assert reason in refusal(own)


def test_without_tokenizers_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers.processors", None)

    assert refusal(folders.write(tmp_path / "own")) == (
        "reviews need the package tokenizers, not installed here; run: pip install -c constraints.txt -e '.[bert]'"
    )
