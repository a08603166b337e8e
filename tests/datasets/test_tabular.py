"""Tables: standardised with what the training rows say, split by class, narrowed to features, put into words."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from twotrack.shared import datasets
from twotrack.shared.datasets import mnist
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.datasets.tabular import Standardise, describe, one_hot, select, split_rows
from twotrack.shared.spec.inputs import ONLY

SPLITS = ("train", "validation", "test")
NAMES = ("contract=Two year", "monthly_charges", "partner")


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return datasets.load("telco", datasets.embedded_source("telco"))


@given(arrays(np.float64, (12, 3), elements=st.integers(0, 10**9).map(lambda cents: cents / 100)))
def test_standardising_agrees_with_scikit_learn(inputs: np.ndarray):
    expected = StandardScaler().fit_transform(inputs)

    prepared = Standardise.fit(inputs, np.array([True] * 3))(inputs)

    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("number", [0.0, 0.1, 70.35, 1e9])
def test_a_column_that_never_changes_becomes_0(number: float):
    """Its deviation is 0, or rounding that must not be magnified: the mean of 0.1 repeated is not 0.1."""
    inputs = np.full((4930, 1), number)

    fitted = Standardise.fit(inputs, np.array([True]))

    assert fitted.std == [1.0]
    np.testing.assert_allclose(fitted(inputs), 0.0, atol=1e-6)


@given(arrays(np.float64, (8, 2), elements=st.floats(0, 1e9)))
def test_prepared_inputs_are_finite_whatever_a_column_holds(inputs: np.ndarray):
    assert np.isfinite(Standardise.fit(inputs, np.array([True, True]))(inputs)).all()


def test_features_that_are_not_numeric_pass_unchanged():
    inputs = np.array([[1.0, 7.0], [0.0, 9.0], [0.0, 9.5]])

    fitted = Standardise.fit(inputs, np.array([False, True]))

    np.testing.assert_array_equal(fitted(inputs)[:, 0], inputs[:, 0])
    assert (fitted.mean[0], fitted.std[0]) == (0.0, 1.0)


def test_preparing_leaves_the_stored_inputs_as_they_are(loaded: Dataset):
    stored = loaded.train.inputs[ONLY][:50].copy()

    loaded.prepare(loaded.train.first(50).inputs)

    np.testing.assert_array_equal(loaded.train.inputs[ONLY][:50], stored)


@given(st.lists(st.sampled_from(["DSL", "No", "Fiber optic"]), min_size=1, max_size=20))
def test_one_hot_agrees_with_scikit_learn(values: list[str]):
    known = ["No", "DSL", "Fiber optic"]
    encoder = OneHotEncoder(categories=[known], sparse_output=False)

    np.testing.assert_array_equal(one_hot(values, known), encoder.fit_transform(np.array(values)[:, None]))


@given(st.integers(20, 300), st.integers(20, 300), st.randoms(use_true_random=False))
def test_every_row_is_in_one_split_in_stored_order_and_classes_have_their_share(stay: int, churn: int, random):
    labels = [0] * stay + [1] * churn
    random.shuffle(labels)
    labels = np.array(labels)

    splits = split_rows(labels)

    assert sorted(np.concatenate(splits).tolist()) == list(range(stay + churn))
    for rows, share in zip(splits, (Fraction(70, 100), Fraction(15, 100), Fraction(15, 100)), strict=True):
        assert (np.diff(rows) > 0).all()
        counts = np.bincount(labels[rows], minlength=2)
        assert counts.min() >= 3
        assert abs(counts[0] - share * stay) < 2
        assert abs(counts[1] - share * churn) < 2


def test_the_split_does_not_follow_the_order_of_the_file():
    train, validation, test = split_rows(np.array([0, 1] * 500))

    for rows in (train, validation, test):
        assert rows.mean() == pytest.approx(499.5, abs=60)


def test_select_keeps_the_named_features_in_the_given_order(loaded: Dataset):
    narrow = select(loaded, NAMES)

    assert narrow.feature_names == NAMES
    for name in SPLITS:
        before, after = getattr(loaded, name), getattr(narrow, name)
        assert after.inputs[ONLY].shape == (len(before), 3)
        np.testing.assert_array_equal(after.labels, before.labels)
        for position, feature in enumerate(NAMES):
            column = loaded.feature_names.index(feature)
            np.testing.assert_array_equal(after.inputs[ONLY][:, position], before.inputs[ONLY][:, column])


def test_selected_features_are_prepared_as_before(loaded: Dataset):
    narrow = select(loaded, NAMES)
    columns = [loaded.feature_names.index(name) for name in NAMES]

    prepared = narrow.prepare(narrow.test.inputs)[ONLY]

    np.testing.assert_array_equal(prepared, loaded.prepare(loaded.test.inputs)[ONLY][:, columns])


def test_batches_of_selected_features_lie_in_memory_row_by_row(loaded: Dataset):
    """As a hash of their bytes needs it."""
    narrow = select(loaded, NAMES)

    for split in (narrow.train, narrow.test):
        assert split.inputs[ONLY].flags.c_contiguous
        assert narrow.prepare({ONLY: split.inputs[ONLY][[5, 3, 8]]})[ONLY].flags.c_contiguous


def test_select_leaves_the_data_set_as_it_is_and_gives_another_fingerprint(loaded: Dataset):
    before = loaded.fingerprint

    assert select(loaded, NAMES).fingerprint != before
    assert (len(loaded.feature_names), loaded.fingerprint) == (40, before)


def test_all_features_in_their_order_are_the_data_set_itself(loaded: Dataset):
    assert select(loaded, loaded.feature_names).fingerprint == loaded.fingerprint


def test_an_unknown_feature_is_refused_by_name(loaded: Dataset):
    with pytest.raises(ValueError, match=r"telco has no feature contract, tenur; it has .*'tenure'"):
        select(loaded, ("contract", "tenure", "tenur"))


def test_images_have_no_features_to_select():
    images = mnist.from_arrays(
        {f"{split}_{kind}": np.zeros(12, np.uint8) for split in ("train", "test") for kind in ("images", "labels")},
        "embedded",
    )

    assert images.feature_names == ()
    with pytest.raises(ValueError, match="mnist has no feature tenure"):
        select(images, ("tenure",))


@pytest.mark.parametrize(
    ("features", "row", "described"),
    [
        (("tenure", "monthly_charges"), [12.0, 70.35], {"tenure": "12", "monthly_charges": "70.35"}),
        (("partner", "total_charges"), [0.0, 123456789.25], {"partner": "0", "total_charges": "123456789.25"}),
        (("a=x", "a=y", "b=x"), [0.0, 1.0, 1.0], {"a": "y", "b": "x"}),
        (("a=x", "a=y", "a=z"), [1.0, 0.0, 0.0], {"a": "x"}),
        (("a=x", "tenure", "a=z"), [0.0, 3.0, 0.0], {"a": "other", "tenure": "3"}),
        (("a=1=2",), [1.0], {"a": "1=2"}),
        ((), [], {}),
    ],
)
def test_a_row_is_described_by_column(features: tuple[str, ...], row: list[float], described: dict[str, str]):
    assert describe(features, np.array(row)) == described


@given(st.floats(0, 1e9))
def test_numbers_in_words_are_exact(number: float):
    assert float(describe(("charges",), np.array([number]))["charges"]) == number


def test_a_row_of_another_length_than_the_names_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        describe(("tenure", "partner"), np.array([1.0]))
