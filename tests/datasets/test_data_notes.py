"""What is said of a data set's rows, against counts by hand, by sets and by scikit-learn."""

from collections import Counter

import numpy as np
import pytest
from sklearn.feature_selection import VarianceThreshold

from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets import texts
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.evaluation.data_notes import DataNote, data_notes, effective_size

FEATURES = ("size", "age", "price")


def table(rows: int, first: float) -> np.ndarray:
    """Rows that are all different, in every column."""
    return first + np.arange(rows * len(FEATURES), dtype=np.float64).reshape(rows, len(FEATURES))


def dataset(train: np.ndarray, test: np.ndarray, names: tuple[str, ...] = (), input_name: str = "input") -> Dataset:
    """A data set of two classes in turn, with ten validation examples that are like no other."""

    def split(inputs: np.ndarray) -> Split:
        return Split({input_name: inputs}, (np.arange(len(inputs)) % 2).astype(np.int32))

    validation = texts.array(f"validation {n}" for n in range(10)) if texts.is_text(train) else table(10, -1000.0)
    parts = (split(train), split(np.resize(validation, (10, *train.shape[1:]))), split(test))
    return Dataset("planted", "embedded", ("no", "yes"), *parts, prepare=dict, feature_names=names)


def notes_of(data: Dataset, examples: int | None = None) -> dict[str, DataNote]:
    return {note.kind: note for note in data_notes(data, "accuracy", 0.05, examples)}


def clean() -> tuple[np.ndarray, np.ndarray]:
    return table(200, 0.0), table(100, 5000.0)


def test_of_clean_data_nothing_is_said():
    assert notes_of(dataset(*clean(), FEATURES)) == {}


def test_planted_test_rows_in_training_are_counted():
    train, test = clean()
    test[[3, 5, 7]] = train[[11, 11, 13]]

    found = notes_of(dataset(train, test))

    assert found.keys() == {"test rows in training"}
    note = found["test rows in training"]
    assert (note.count, note.total) == (3, 100)
    assert note.text == "3 of 100 test examples (3.0%) also stand in the training split, by their inputs"


def test_rows_of_training_that_was_not_used_do_not_count():
    train, test = clean()
    test[[3, 5]] = train[[11, 151]]

    assert notes_of(dataset(train, test), examples=100)["test rows in training"].count == 1


def test_planted_contradictions_are_counted_over_all_splits():
    """Of rows 0 to 3, labelled in turn, three are one input; a test example of the other class joins another."""
    train, test = clean()
    train[[1, 2]] = train[0]
    test[1] = train[8]

    note = notes_of(dataset(train, test))["contradicting labels"]

    assert (note.count, note.total) == (3 + 2, 310)
    assert note.text == "5 of 310 examples (1.6%) have the same inputs as an example of another class"


def test_the_same_input_with_the_same_label_is_no_contradiction():
    train, test = clean()
    train[2] = train[0]

    assert notes_of(dataset(train, test)) == {}


def test_zero_and_minus_zero_are_one_number():
    train, test = clean()
    train[0], test[0] = 0.0, -0.0

    assert notes_of(dataset(train, test))["test rows in training"].count == 1


def test_texts_are_compared_by_their_characters():
    train, test = (texts.array(f"{name} {n}" for n in range(100)) for name in ("bought", "returned"))
    test[4] = "bought 4"

    found = notes_of(dataset(train, test))

    assert (found.keys(), found["test rows in training"].count) == ({"test rows in training"}, 1)


def test_constant_features_are_those_of_scikit_learn_and_named():
    train, test = clean()
    train[:, 1] = 7.5

    note = notes_of(dataset(train, test, FEATURES))["constant features"]

    assert note.count == (~VarianceThreshold().fit(train).get_support()).sum() == 1
    assert note.text == "1 of 3 features hold one value in the training split: age"


def test_many_constant_features_are_counted_and_some_named():
    names = tuple(f"column {n}" for n in range(8))
    train, test = np.ones((200, 8)), np.ones((100, 8))
    train[:, 0], test[:, 0] = np.arange(200), np.arange(1000, 1100)

    note = notes_of(dataset(train, test, names))["constant features"]

    assert note.text.endswith(": column 1, column 2, column 3, column 4, column 5 and 2 more")


@pytest.mark.parametrize(("examples", "said"), [(12, True), (58, True), (59, False), (100, False)])
def test_a_test_split_is_small_where_no_disagreement_at_all_leaves_more_than_the_margin(examples: int, said: bool):
    """With a share of 0.05, no disagreement among 58 examples has probability 5.1 %, among 59 of them 4.8 %."""
    train, test = clean()

    found = notes_of(dataset(train, test[:examples]))

    assert ("small test split" in found) == said == (0.95**examples > 0.05)


def test_a_small_test_split_says_how_far_tracks_that_agree_may_differ():
    train, test = clean()

    note = notes_of(dataset(train, test[:12]))["small test split"]

    assert f"{100 * (1 - 0.05 ** (1 / 12)):.2g} points" in note.text
    assert note.text.startswith("the test split has 12 examples: ")
    assert note.text.endswith("and the margin is 5 points")


def test_roc_auc_is_as_uncertain_as_the_smaller_class_makes_it():
    train, test = clean()
    rare = dataset(train, test)
    rare.test.labels[:] = np.arange(100) < 3

    (note,) = (note for note in data_notes(rare, "roc_auc", 0.05) if note.kind == "small test split")

    assert "(97 and 3 of the classes)" in note.text
    assert f"{1 - 0.05 ** (1 / 12):.2g} ROC AUC" in note.text
    assert (effective_size(50, 50), effective_size(97, 3), effective_size(5, 0)) == (100, 12, 1)


@pytest.mark.parametrize("slug", ["neuron", "churn_mlp", "churn_rnn", "review_bert", "mnist_cnn"])
def test_of_the_embedded_data_what_is_said_is_true(slug: str):
    """Counted with a set and a dictionary of the very values."""
    chapter = CHAPTERS[slug]
    data = chapter.data()
    splits = [list(zip(*(keys(array) for array in split.inputs.values()), strict=True)) for split in parts(data)]
    classes: dict[tuple, set[int]] = {}
    for rows, split in zip(splits, parts(data), strict=True):
        for row, label in zip(rows, split.labels.tolist(), strict=True):
            classes.setdefault(row, set()).add(label)
    expected = Counter(
        {
            "test rows in training": sum(row in seen for seen in [set(splits[0])] for row in splits[2]),
            "contradicting labels": sum(len(classes[row]) > 1 for rows in splits for row in rows),
        }
    )

    found = data_notes(data, chapter.metric, chapter.margin)

    assert Counter({note.kind: note.count for note in found}) == +expected


def parts(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train, data.validation, data.test


def keys(array: np.ndarray) -> list:
    if texts.is_text(array):
        return array.tolist()
    flat = array.reshape(len(array), -1)
    return [row.tobytes() for row in flat] if array.dtype == np.uint8 else [tuple(row) for row in flat.tolist()]
