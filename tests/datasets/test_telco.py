"""The embedded Telco churn: the published table, one fixed split, inputs as pandas and scikit-learn make them."""

import gzip
import hashlib
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import StandardScaler

from tests.datasets import customers
from twotrack.shared import datasets
from twotrack.shared.datasets import telco
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.spec.inputs import ONLY

NUMERIC = ["tenure", "monthly_charges", "total_charges"]
SPLITS = ("train", "validation", "test")
DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/telco.md").read_text()
ORIGINAL_SHA256 = "d4323faeaab5cd2826e22eab230ec489d9e210f56ac5505750fb4721fa230ef3"


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return datasets.load("telco", datasets.embedded_source("telco"))


@pytest.fixture(scope="module")
def reference() -> pandas.DataFrame:
    """The file as pandas reads it: 40 features by name and churned, 0 or 1."""
    table = pandas.read_csv(telco.EMBEDDED.path).fillna({"total_charges": 0.0})
    churned = (table.pop("churn") == "Yes").astype(int)
    return pandas.get_dummies(table, prefix_sep="=", dtype=float).assign(churned=churned)


def rows_of_splits(reference: pandas.DataFrame) -> dict[str, np.ndarray]:
    return dict(zip(SPLITS, split_rows(reference["churned"].to_numpy()), strict=True))


def test_the_file_is_the_exported_table_byte_for_byte_in_less_than_100_kilobytes():
    content = telco.EMBEDDED.check()

    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == ORIGINAL_SHA256
    assert len(content) < 100_000


def test_the_counts_are_the_published_ones(loaded: Dataset):
    labels = np.concatenate([getattr(loaded, name).labels for name in SPLITS])

    assert (len(labels), labels.sum()) == (7043, 1869)
    assert loaded.class_names == ("stays", "churns")


def test_splits_have_the_stated_sizes_types_and_class_counts(loaded: Dataset):
    counts = {name: np.bincount(getattr(loaded, name).labels).tolist() for name in SPLITS}

    assert counts == {"train": [3622, 1308], "validation": [776, 280], "test": [776, 281]}
    for name in SPLITS:
        split = getattr(loaded, name)
        assert (split.inputs[ONLY].dtype, split.labels.dtype) == (np.float64, np.int32)
        assert split.inputs[ONLY].shape == (len(split), 40)


def test_the_stored_inputs_are_those_that_pandas_reads(loaded: Dataset, reference: pandas.DataFrame):
    assert sorted(loaded.feature_names) == sorted(reference.columns.drop("churned"))
    for name, rows in rows_of_splits(reference).items():
        expected, split = reference.iloc[rows], getattr(loaded, name)
        np.testing.assert_array_equal(split.inputs[ONLY], expected[list(loaded.feature_names)])
        np.testing.assert_array_equal(split.labels, expected["churned"])


def test_prepared_inputs_are_those_of_scikit_learn_fitted_on_the_training_split(
    loaded: Dataset, reference: pandas.DataFrame
):
    rows = rows_of_splits(reference)
    scaler = StandardScaler().fit(reference.iloc[rows["train"]][NUMERIC].to_numpy())

    for name, of_split in rows.items():
        expected = reference.iloc[of_split][list(loaded.feature_names)]
        expected[NUMERIC] = scaler.transform(expected[NUMERIC].to_numpy())
        prepared = loaded.prepare(getattr(loaded, name).inputs)[ONLY]
        assert prepared.dtype == np.float32
        np.testing.assert_allclose(prepared, expected, rtol=1e-6, atol=1e-6)


def test_flags_and_categories_pass_unchanged(loaded: Dataset):
    others = [position for position, name in enumerate(loaded.feature_names) if name not in NUMERIC]

    prepared = loaded.prepare(loaded.test.inputs)[ONLY][:, others]

    assert len(others) == 37
    assert set(np.unique(prepared)) == {0.0, 1.0}
    np.testing.assert_array_equal(prepared, loaded.test.inputs[ONLY][:, others])


def test_the_split_and_the_values_are_the_same_in_every_version(loaded: Dataset):
    """Runs of two versions can be compared as long as this value stands; a change belongs into the changelog."""
    assert loaded.fingerprint == "71f728026e1a649d6c40e0b4c84d56b3"


def test_nothing_was_charged_to_the_11_customers_whose_total_is_missing(loaded: Dataset):
    tenure, total = (loaded.feature_names.index(name) for name in ("tenure", "total_charges"))
    inputs = np.concatenate([getattr(loaded, name).inputs[ONLY] for name in SPLITS])

    assert (inputs[:, total] == 0).sum() == 11
    np.testing.assert_array_equal(inputs[:, total] == 0, inputs[:, tenure] == 0)


def test_the_data_card_states_checksums_class_counts_and_what_was_measured(loaded: Dataset):
    numeric = [loaded.feature_names.index(name) for name in NUMERIC]
    scale = loaded.prepare.standardise
    measured = zip(NUMERIC, scale.mean[numeric], scale.std[numeric], strict=True)

    assert DATA_CARD.count(telco.EMBEDDED.sha256) == DATA_CARD.count(ORIGINAL_SHA256) == 1
    for name in SPLITS:
        stay, churn = np.bincount(getattr(loaded, name).labels)
        assert f"| {name} | {stay + churn:,} | {stay:,} | {churn:,} | {churn / (stay + churn):.1%}" in (
            DATA_CARD.replace(" %", "%")
        )
    for name, mean, std in measured:
        assert f"| `{name}` | {mean:,.3f} | {std:,.3f} |" in DATA_CARD


def times_ten(path: Path, rows: np.ndarray) -> Path:
    """Write all customers, with the monthly charges of those rows multiplied by ten."""
    table = customers.table(None)
    table.loc[rows, "monthly_charges"] = (10 * table["monthly_charges"][rows].astype(float)).astype(str)
    return customers.write(path, table)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_measured_for_standardising_does_not_depend_on_held_out_rows(
    loaded: Dataset, reference: pandas.DataFrame, tmp_path: Path, split: str
):
    file = times_ten(tmp_path / "changed.csv", rows_of_splits(reference)[split])

    changed = telco.read(customers.source(file))

    assert (getattr(changed, split).inputs[ONLY] != getattr(loaded, split).inputs[ONLY]).any()
    np.testing.assert_array_equal(changed.prepare.standardise.mean, loaded.prepare.standardise.mean)
    np.testing.assert_array_equal(changed.prepare.standardise.std, loaded.prepare.standardise.std)


def test_what_is_measured_for_standardising_depends_on_training_rows(
    loaded: Dataset, reference: pandas.DataFrame, tmp_path: Path
):
    file = times_ten(tmp_path / "changed.csv", rows_of_splits(reference)["train"])

    changed = telco.read(customers.source(file))

    charges = loaded.feature_names.index("monthly_charges")
    assert changed.prepare.standardise.mean[charges] == pytest.approx(10 * loaded.prepare.standardise.mean[charges])
    assert changed.prepare.standardise.std[charges] == pytest.approx(10 * loaded.prepare.standardise.std[charges])


def test_a_customer_reads_in_a_report_as_in_the_file(loaded: Dataset):
    written = pandas.read_csv(telco.EMBEDDED.path, dtype=str).fillna({"total_charges": "0"})
    rows = split_rows((written["churn"] == "Yes").to_numpy().astype(int))[2]

    for number in range(0, len(rows), 50):
        described = datasets.tabular.describe(loaded.feature_names, loaded.test.inputs[ONLY][number])
        assert described == written.iloc[rows[number]].drop("churn").to_dict()


def test_reading_takes_no_longer_than_a_third_of_a_second(loaded: Dataset):
    """Of processor time, which other work on the machine does not change."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        datasets.load("telco", datasets.embedded_source("telco"))
        seconds.append(time.process_time() - start)

    assert min(seconds) < 1 / 3, seconds
