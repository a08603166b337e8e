"""The embedded reviews: the published tables, fixed splits; a user's own file by the same path."""

import csv
import gzip
import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas
import pytest

from twotrack.shared import chapters, datasets
from twotrack.shared.datasets import reviews, texts
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.weights.pretrained import bert

SPLITS = ("train", "validation", "test")
DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/reviews.md").read_text()
PUBLISHED_SHA256 = {
    "train": "f407c83492fa99300713053f83c1138323177096d787c838724a340391935351",
    "test": "2858c9211bb34148adbeae4e98fe530862c827498dabb5392e70f1562fc5880d",
}
REMEDY = "correct the file and run the command again."


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(datasets.DATASETS, "reviews", reviews)


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return reviews.read(datasets.files.Source("embedded", reviews.EMBEDDED))


@pytest.fixture(scope="module")
def published() -> pandas.DataFrame:
    """The file as pandas reads it."""
    return pandas.read_csv(reviews.EMBEDDED.path, dtype=str, keep_default_na=False)


# === The embedded file ===


def test_the_file_is_the_two_exported_tables_byte_for_byte_in_less_than_a_megabyte():
    content = reviews.EMBEDDED.check()

    header, *rows = gzip.decompress(content).splitlines(keepends=True)
    found = {"train": [header, *rows[:4000]], "test": [header, *rows[4000:]]}
    assert {name: hashlib.sha256(b"".join(one)).hexdigest() for name, one in found.items()} == PUBLISHED_SHA256
    assert len(content) < 1_000_000


def test_the_counts_are_the_published_ones(loaded: Dataset):
    assert loaded.class_names == ("satisfied", "dissatisfied")
    assert np.bincount(np.concatenate([loaded.train.labels, loaded.validation.labels])).tolist() == [2600, 1400]
    assert np.bincount(loaded.test.labels).tolist() == [658, 342]


def test_splits_have_the_stated_sizes_and_types_and_are_stratified(loaded: Dataset):
    counts = {name: np.bincount(getattr(loaded, name).labels).tolist() for name in SPLITS}

    assert counts == {"train": [2210, 1190], "validation": [390, 210], "test": [658, 342]}
    for name in SPLITS:
        split = getattr(loaded, name)
        assert (split.inputs[ONLY].dtype, split.labels.dtype) == (np.dtypes.StringDType(), np.int32)
        assert split.inputs[ONLY].shape == split.labels.shape


def test_texts_are_those_that_pandas_reads_and_the_test_split_is_the_published_one(
    loaded: Dataset, published: pandas.DataFrame
):
    learning, test = published[:4000], published[4000:]

    assert loaded.test.inputs[ONLY].tolist() == test["review"].tolist()
    np.testing.assert_array_equal(loaded.test.labels, test["score"] == "other")
    numbers = [learning.index[learning["review"].isin(getattr(loaded, name).inputs[ONLY])] for name in SPLITS[:2]]
    assert sorted({*numbers[0], *numbers[1]}) == list(range(4000))
    rows = reviews.published_split((published["score"] == "other").to_numpy().astype(int))
    for name, chosen in zip(SPLITS, rows, strict=True):
        assert getattr(loaded, name).inputs[ONLY].tolist() == published["review"][chosen].tolist()
        assert (np.diff(chosen) > 0).all()
    assert sorted(np.concatenate(rows)) == list(range(5000))


def test_the_split_and_the_texts_are_the_same_in_every_version(loaded: Dataset):
    """Runs of two versions can be compared as long as this value stands; a change belongs into the changelog."""
    digest = hashlib.sha256()
    for name in SPLITS:
        digest.update(texts.as_bytes(getattr(loaded, name).inputs[ONLY]))
        digest.update(getattr(loaded, name).labels)

    assert digest.hexdigest()[:16] == "6ad5597b60ab3320"


def test_a_chapter_prepares_texts_as_tokens_with_a_mask(loaded: Dataset):
    prepared = chapters.get("review_bert").variant().data().prepare(loaded.test.first(3).inputs)

    assert {name: (array.shape, str(array.dtype)) for name, array in prepared.items()} == {
        "token_ids": ((3, bert.LENGTH), "int32"),
        "padding_mask": ((3, bert.LENGTH), "bool"),
    }
    np.testing.assert_array_equal(prepared["padding_mask"], prepared["token_ids"] != 0)


def test_the_data_card_states_checksums_counts_and_what_was_counted(loaded: Dataset, published: pandas.DataFrame):
    for checksum in (reviews.EMBEDDED.sha256, *PUBLISHED_SHA256.values()):
        assert DATA_CARD.count(checksum) == 1
    for name in SPLITS:
        good, bad = np.bincount(getattr(loaded, name).labels)
        assert f"| {name} | {good + bad:,} | {good:,} | {bad:,} | {100 * bad / (good + bad):.1f} % |" in DATA_CARD
    written = published["review"]
    for count, what in (
        (int(written.str.contains("<br />").sum()), "reviews with `<br />`"),
        (int(written.str.contains("<a href").sum()), "with a link"),
        (int(written.str.contains(r"&#?\w+;").sum()), "with an entity"),
        (int(written[4000:].isin(written[:4000]).sum()), "test reviews"),
    ):
        assert f"{count:,} {what}" in DATA_CARD


def test_reading_takes_no_longer_than_half_a_second(loaded: Dataset):
    """Of processor time, which other work on the machine does not change."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        reviews.read(datasets.files.Source("embedded", reviews.EMBEDDED))
        seconds.append(time.process_time() - start)

    assert min(seconds) < 1 / 2, seconds


# === Markup ===


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("one<br />two<br/>three<BR>four", "one two three four"),
        ('<a href="http://www.amazon.com/gp/product/B1">this tea</a>', " this tea "),
        ("I <3 it, 2 < 3 and 5 > 4", "I <3 it, 2 < 3 and 5 > 4"),
        ("caf&eacute; &amp; tea &#128522;", "café & tea 😊"),
        ("&lt;br&gt; is a line break", "<br> is a line break"),
        ("a <b", "a <b"),
        ("", ""),
    ],
)
def test_tags_become_spaces_and_entities_characters(written: str, read: str):
    assert texts.plain(written) == read


def test_no_review_keeps_a_tag(loaded: Dataset):
    kept = [
        text for text in map(texts.plain, loaded.train.inputs[ONLY]) if re.search(r"<\s*/?\s*(br|a|p|span)\b", text)
    ]

    assert kept == []


# === Texts as arrays ===


def test_texts_of_any_length_and_script_are_stored_as_they_are():
    written = ["", "a\0b\0", "x" * 100_000, "数据 😀", "line\nbreak"]

    assert texts.array(written).tolist() == written


def test_half_a_surrogate_pair_becomes_a_question_mark():
    assert texts.array(["good \ud83d!"]).tolist() == ["good ?!"]


@pytest.mark.parametrize(
    ("one", "other"),
    [(["ab", "c"], ["a", "bc"]), (["a"], ["a", ""]), (["a\0"], ["a"]), (["é"], ["e\u0301"]), (["a", "b"], ["b", "a"])],
)
def test_bytes_tell_different_texts_apart_and_are_the_same_for_the_same(one: list[str], other: list[str]):
    assert texts.as_bytes(texts.array(one)) != texts.as_bytes(texts.array(other))
    assert texts.as_bytes(texts.array(one)) == texts.as_bytes(texts.array(list(one)))


# === A user's own file ===


def write(path: Path, rows: Sequence[tuple[str, str]], header: Sequence[str] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def rows(dissatisfied: int = 30, satisfied: int = 50, labels: tuple[str, str] = ("0", "1")) -> list[tuple[str, str]]:
    return [(f"bad {number}", labels[1]) for number in range(dissatisfied)] + [
        (f"good {number}", labels[0]) for number in range(satisfied)
    ]


def own(path: Path) -> Dataset:
    return datasets.load("reviews", datasets.csv_source("reviews", path))


@pytest.mark.parametrize("labels", [("0", "1"), ("satisfied", "dissatisfied"), ("0", "dissatisfied")])
def test_a_users_own_reviews_are_split_as_a_table_is(tmp_path: Path, labels: tuple[str, str]):
    found = own(write(tmp_path / "mine.csv", rows(labels=labels)))

    assert found.source == "csv:mine.csv"
    expected = np.array([1] * 30 + [0] * 50)
    written = np.array([text for text, _ in rows()])
    for name, chosen in zip(SPLITS, split_rows(expected), strict=True):
        split = getattr(found, name)
        assert split.inputs[ONLY].tolist() == written[chosen].tolist()
        assert [text.startswith("bad") for text in split.inputs[ONLY]] == split.labels.astype(bool).tolist()


def test_texts_may_be_of_any_kind_and_other_columns_are_ignored(tmp_path: Path):
    odd = ["two\nlines", 'said "no"', "a,b", "😀", "数据很好", "nul\0", "\u200b", " spaced "]
    given = [("x", text, "1") for text in odd] + [("x", text, label) for text, label in rows()]

    found = own(write(tmp_path / "mine.csv", given, ("shop", "text", "label")))

    everything = [text for name in SPLITS for text in getattr(found, name).inputs[ONLY]]
    assert set(odd) < set(everything)
    assert len(everything) == 88


def test_the_published_reviews_as_a_users_own_file_are_the_same_texts(tmp_path: Path, published, loaded: Dataset):
    table = published.rename(columns={"review": "text"}).assign(label=(published["score"] == "other").astype(int))
    table.to_csv(tmp_path / "mine.csv", index=False)

    found = own(tmp_path / "mine.csv")

    assert sum(len(getattr(found, name)) for name in SPLITS) == 5000
    assert sorted(t for name in SPLITS for t in getattr(found, name).inputs[ONLY]) == sorted(published["review"])
    assert np.bincount(found.test.labels).tolist() == [489, 261]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("fine", "2"), "column 'label': expected one of '0', '1', 'satisfied', 'dissatisfied', found '2'"),
        (("fine", ""), "column 'label': expected one of '0', '1', 'satisfied', 'dissatisfied', found ''"),
        (("fine", "Satisfied"), "column 'label': expected one of"),
        (("", "1"), "column 'text': expected a text that is not empty, found ''"),
        ((" \n\t", "1"), "column 'text': expected a text that is not empty, found ' \\n\\t'"),
        (("fine", "1", "more"), "expected 2 fields, as in the header, found 3"),
        (("x" * 140_000, "1"), "expected fields separated by commas, each quote closed; found: field larger than"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_row_that_is_not_as_it_should_be_is_refused_with_line_and_column(tmp_path: Path, row: tuple, reason: str):
    file = write(tmp_path / "mine.csv", [*rows(), row])

    with pytest.raises(UserError) as caught:
        own(file)

    found = str(caught.value)
    assert found.startswith(f"{file}, line 82")
    assert reason in found
    assert found.endswith(REMEDY)
    assert len(found) < 500


def test_missing_columns_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="expected a header with these columns too: 'text'; found instead: 'review'"):
        own(write(tmp_path / "mine.csv", rows(), ("review", "label")))


def test_texts_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path):
    (tmp_path / "mine.csv").write_bytes(b"text,label\nfine,0\ncaf\xe9,1\n")

    with pytest.raises(UserError, match="line 3: expected UTF-8 text, found the byte 0xe9"):
        own(tmp_path / "mine.csv")


@pytest.mark.parametrize(("bad", "good"), [(19, 100), (100, 19), (0, 100)])
def test_too_few_reviews_of_a_class_are_refused_with_both_counts(tmp_path: Path, bad: int, good: int):
    file = write(tmp_path / "mine.csv", rows(bad, good))

    with pytest.raises(UserError) as caught:
        own(file)

    assert str(caught.value) == (
        f"{file}: expected at least 20 reviews of each class, for a split into train, validation and test; "
        f"found {bad} dissatisfied and {good} satisfied; add rows and run the command again."
    )
