"""The purchases of CDNOW as months: against pandas on the real file, and by hand on one of a few customers."""

import hashlib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.support.command_line import in_process
from twotrack.shared import datasets
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets import cdnow
from twotrack.shared.datasets.files import DataFile, Source
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import baselines

HEADER = " customer_id  date number_of_cds  dollar_value\n"
PURCHASES = """ 00001 19970115  1   10.00
 00001 19970120  2   20.50
 00001 19970402  1    5.25
 00002 19970331  3   30.00
 00002 19980101  1    9.99
 00003 19970201  1    1.00
 00003 19971231  4    8.00
 00004 19970101  1    7.00
 00004 19980630  1    7.00
"""


@pytest.fixture(scope="module")
def purchases() -> pandas.DataFrame:
    names = ["customer", "date", "cds", "dollars"]
    table = pandas.read_csv(cdnow.source().file.path, sep=r"\s+", skiprows=1, names=names)
    when = pandas.to_datetime(table["date"].astype(str))
    return table.assign(month=(when.dt.year - 1997) * 12 + when.dt.month - 1)


@pytest.fixture(scope="module")
def real() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return cdnow.read_months(cdnow.source())


def written(folder: Path) -> Source:
    file = folder / "purchases.txt"
    file.write_text(HEADER + PURCHASES)
    return Source("cdnow", DataFile(file, hashlib.sha256(file.read_bytes()).hexdigest(), "write it again"))


def test_months_of_a_few_customers_are_those_computed_by_hand(tmp_path: Path):
    months, mask, labels = cdnow.read_months(written(tmp_path))

    assert mask.sum(axis=1).tolist() == [12, 10, 11, 12]
    assert months[0, :4].tolist() == [[2, 3, 30.5, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 2, 2], [1, 1, 5.25, 3, 0]]
    assert months[1, 9].tolist() == [0, 0, 0, 9, 9]  # December; the purchase of January is the future
    assert months[1, 10:].tolist() == [[0] * 5] * 2
    assert months[2, [0, 9, 10]].tolist() == [[1, 1, 1, 0, 0], [0, 0, 0, 9, 9], [1, 4, 8, 10, 0]]
    assert labels.tolist() == [1, 0, 1, 0]


def test_the_future_is_in_the_label_alone(tmp_path: Path):
    with_future = cdnow.read_months(written(tmp_path))
    file = tmp_path / "purchases.txt"
    past = [line for line in PURCHASES.splitlines() if " 1998" not in line]
    file.write_text(HEADER + "\n".join([*past, " 00099 19970101 1 1.00", " 00099 19980601 1 1.00"]))
    without = cdnow.read_months(
        Source("cdnow", DataFile(file, hashlib.sha256(file.read_bytes()).hexdigest(), "write it again"))
    )

    np.testing.assert_array_equal(with_future[0], without[0][:4])
    np.testing.assert_array_equal(with_future[1], without[1][:4])
    assert without[2].tolist() == [1, 1, 1, 1, 0]


def test_real_labels_and_totals_are_those_of_pandas(real, purchases: pandas.DataFrame):
    months, _, labels = real
    known, future = purchases[purchases["month"] < 12], purchases[purchases["month"] >= 12]
    totals = known.groupby("customer").agg(purchases=("cds", "size"), cds=("cds", "sum"), dollars=("dollars", "sum"))

    np.testing.assert_allclose(months[..., :3].sum(axis=1), totals, rtol=1e-12)
    buys = totals.index.isin(future["customer"].unique())
    np.testing.assert_array_equal(labels, ~buys)
    assert labels.mean() == pytest.approx(0.772, abs=5e-4)


def test_real_recency_and_length_are_those_of_pandas(real, purchases: pandas.DataFrame):
    months, mask, _ = real
    by_customer = purchases[purchases["month"] < 12].groupby("customer")["month"]
    december = months[np.arange(len(mask)), mask.sum(axis=1) - 1]

    np.testing.assert_array_equal(december[:, 3], 11 - by_customer.min())
    np.testing.assert_array_equal(december[:, 4], 11 - by_customer.max())
    np.testing.assert_array_equal(mask.sum(axis=1), 12 - by_customer.min())


@pytest.mark.parametrize("slug", ["churn_rnn", "churn_lstm", "churn_transformer"])
def test_chapters_of_months_take_it_and_compare_with_logistic_regression(slug: str):
    chapter = CHAPTERS[slug]
    loaded = chapter.data(datasets.carried_source(chapter.dataset, "cdnow"))

    assert (loaded.source, loaded.class_names, loaded.feature_names) == ("cdnow", cdnow.CLASS_NAMES, cdnow.FEATURES)
    prepared = loaded.prepare(loaded.train.inputs)
    assert {name: array.shape[1:] for name, array in prepared.items()} == {"months": (12, 5), "mask": (12,)}
    real_months = prepared["months"][prepared["mask"]].astype(np.float64)
    np.testing.assert_allclose(real_months.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(real_months.std(axis=0), 1, atol=1e-5)
    assert chapter.baselines == ("logistic_regression",)


def test_logistic_regression_reads_all_months_side_by_side():
    loaded = datasets.load("telco_monthly", cdnow.source())
    scores = baselines.scores(["logistic_regression"], loaded, 2000)

    table = loaded.preparation.table(loaded.test.inputs)
    prepared = loaded.prepare(loaded.test.inputs)
    assert table.shape == (len(loaded.test), 72)
    np.testing.assert_array_equal(table[:, 5 * 3 + 2], prepared["months"][:, 3, 2])
    np.testing.assert_array_equal(table[:, 60:], prepared["mask"])
    assert 0.75 < scores["logistic_regression"]["roc_auc"] < 0.82


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(cdnow, "distribution", missing)

    with pytest.raises(UserError, match=r"come with the package Lifetimes; install it with pip install 'twotrack\["):
        datasets.carried_source("telco_monthly", "cdnow")


def test_a_file_that_is_another_is_refused(tmp_path: Path):
    file = tmp_path / "purchases.txt"
    file.write_text(HEADER + PURCHASES)

    with pytest.raises(UserError, match="is corrupted: expected SHA-256 eff6889ed364"):
        cdnow.read_months(Source("cdnow", DataFile(file, cdnow.SHA256, "install it again")))


def test_recorded_purchases_are_found_where_the_package_lies_here():
    elsewhere = Source("cdnow", DataFile(Path("/another/installation/CDNOW_master.txt"), "0" * 64, "install"))

    assert datasets.here("telco_monthly", elsewhere) == cdnow.source()


def test_the_command_tells_origin_and_terms(tmp_path: Path):
    (found,) = in_process("data", "telco_monthly", "--source", "cdnow", "--json", folder=tmp_path).json()

    assert (found["origin"], found["licence"]) == (cdnow.ORIGIN, cdnow.LICENCE)
    assert found["splits"]["test"] == {"buys": 806, "lapses": 2730}


def test_months_of_telco_are_no_examples_for_a_model_of_purchases():
    with pytest.raises(UserError, match=r"trained on the source 'cdnow', whose examples cannot be typed; predict its"):
        datasets.require_examples("telco_monthly", cdnow.source(), ["months.csv"])


def test_other_data_sets_do_not_come_from_it(tmp_path: Path):
    result = in_process("data", "mnist", "--source", "cdnow", folder=tmp_path, check=False)

    assert result.code == 2
    assert "data set 'mnist' has no source 'cdnow'; these do: telco_monthly" in result.stderr
