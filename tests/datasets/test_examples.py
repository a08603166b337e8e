"""Examples of one's own, without labels, become what the same examples are in a data set."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from tests.datasets import customers, months
from twotrack.shared import chapters, datasets
from twotrack.shared.datasets.digit import INVERTED
from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.datasets.monthly import reconstruct
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

COUNT = 40


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return EMBEDDED.arrays()["test_images"][:COUNT]


def save(folder: Path, pictures: np.ndarray, suffix: str = "png") -> list[str]:
    files = [folder / f"{number}.{suffix}" for number in range(len(pictures))]
    for file, pixels in zip(files, pictures, strict=True):
        Image.fromarray(pixels).save(file)
    return [str(file) for file in files]


def test_a_digit_of_mnists_own_size_keeps_its_pixels(tmp_path: Path, digits: np.ndarray):
    files = save(tmp_path, digits)

    found = datasets.examples("mnist", files)

    np.testing.assert_array_equal(found.inputs[ONLY], digits)
    assert found.names == tuple(files)
    assert set(found.notes) == {""}


def test_a_dark_digit_on_light_paper_is_inverted_and_that_is_said(tmp_path: Path, digits: np.ndarray):
    found = datasets.examples("mnist", save(tmp_path, 255 - digits))

    np.testing.assert_array_equal(found.inputs[ONLY], digits)
    assert set(found.notes) == {INVERTED}


def test_a_large_picture_in_colour_is_made_small_and_grey(tmp_path: Path, digits: np.ndarray):
    large = np.repeat(np.repeat(digits, 10, axis=1), 10, axis=2)
    coloured = np.stack([large, large, large], axis=-1)

    found = datasets.examples("mnist", save(tmp_path, coloured, "webp"))

    assert found.inputs[ONLY].shape == digits.shape
    difference = found.inputs[ONLY].astype(float) - digits
    assert np.corrcoef(found.inputs[ONLY].ravel(), digits.ravel())[0, 1] > 0.98
    assert abs(difference.mean()) < 2


def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path):
    (tmp_path / "a.png").write_text("seven")

    with pytest.raises(UserError, match=r"a\.png: expected a photo .*found: no JPEG, PNG or WebP picture"):
        datasets.examples("mnist", [str(tmp_path / "a.png")])


@pytest.mark.parametrize("chapter", ["churn_mlp", "neuron"])
@pytest.mark.parametrize("labelled", [True, False])
def test_customers_become_the_features_of_the_same_rows(tmp_path: Path, chapter: str, labelled: bool):
    rows = customers.table(COUNT)
    file = customers.write(tmp_path / "mine.csv", rows if labelled else rows.drop(columns="churn"))
    features = chapters.get(chapter).features

    found = datasets.examples("telco", [str(file)], features)

    assert found.names[:2] == (f"{file}, line 2", f"{file}, line 3")
    assert found.inputs[ONLY].shape == (COUNT, len(features or found.feature_names))
    for name, values in zip(features or found.feature_names, found.inputs[ONLY].T, strict=True):
        column, _, category = name.partition("=")
        expected = rows[column] == category if category else pandas.to_numeric(rows[column])
        np.testing.assert_array_equal(values, expected.to_numpy(float), err_msg=name)


@pytest.mark.parametrize("labelled", [True, False])
def test_months_become_the_series_of_the_same_customers(tmp_path: Path, labelled: bool):
    rows = months.table(COUNT)
    file = customers.write(tmp_path / "months.csv", rows if labelled else rows.drop(columns="churn"))

    found = datasets.examples("telco_monthly", [str(file), str(file)])

    series, mask = reconstruct(months.read_customers(customers.table(COUNT)))
    np.testing.assert_array_equal(found.inputs["months"], np.concatenate([series, series]))
    np.testing.assert_array_equal(found.inputs["mask"], np.concatenate([mask, mask]))
    assert found.names[0] == f"{file}, customer C0"


@pytest.mark.parametrize(
    ("dataset", "column", "message"),
    [
        ("telco", "contract", r"mine\.csv, line 1: expected a header with these columns too: 'contract'"),
        ("telco_monthly", "services", r"mine\.csv, line 1: expected a header with these columns too: 'services'"),
    ],
)
def test_a_file_without_a_feature_is_refused_by_column(tmp_path: Path, dataset: str, column: str, message: str):
    rows = {"telco": customers.table, "telco_monthly": months.table}[dataset](COUNT)
    file = customers.write(tmp_path / "mine.csv", rows.drop(columns=column))

    with pytest.raises(UserError, match=message):
        datasets.examples(dataset, [str(file)])


@pytest.mark.parametrize("dataset", ["telco", "telco_monthly"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, dataset: str):
    with pytest.raises(UserError, match=r"cannot read .*absent\.csv: No such file or directory; name a CSV file of"):
        datasets.examples(dataset, [str(tmp_path / "absent.csv")])


def test_every_data_set_says_what_an_example_is():
    for dataset in datasets.DATASETS:
        with pytest.raises(UserError, match="expected at least one example: a"):
            datasets.require_examples(dataset, datasets.embedded_source(dataset), [])
