"""Where data can come from: embedded, tensorflow-datasets, a CSV file of the user's own; and what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.datasets import customers
from tests.support.command_line import python
from twotrack.shared import datasets
from twotrack.shared.datasets import DATASETS, mnist, telco
from twotrack.shared.datasets.files import DataFile, Source, sha256_of
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

LOADED_MODULES = "import json, sys; import twotrack.shared.datasets; print(json.dumps(sorted(sys.modules)))"
SLOW = {"sklearn", "pandas", "pydantic", "scipy"}


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_says_where_it_comes_from_and_can_be_read(name: str):
    module = DATASETS[name]

    loaded = datasets.load(name, datasets.embedded_source(name))

    assert isinstance(loaded, Dataset)
    assert (loaded.name, loaded.source) == (name, "embedded")
    assert min(len(module.ORIGIN), len(module.LICENCE)) > 0
    assert set(module.SOURCES) <= {"tfds", "csv", "images", *datasets.PACKAGED}


def test_importing_the_data_sets_imports_nothing_slow(tmp_path: Path):
    loaded = set(json.loads(python(LOADED_MODULES, folder=tmp_path).stdout))

    assert "twotrack.shared.datasets.telco" in loaded
    assert loaded & SLOW == set()


def test_a_csv_file_is_a_source_with_its_name_place_and_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    customers.write(tmp_path / "mine.csv", customers.table())
    monkeypatch.chdir(tmp_path)

    found = datasets.csv_source("telco", Path("mine.csv"))

    path = tmp_path / "mine.csv"
    assert found == Source("csv:mine.csv", DataFile(path, sha256_of(path), "run the command again with --data"))
    assert len(datasets.load("telco", found).train) == 140


def test_the_embedded_table_as_the_users_own_file_is_the_same_data(tmp_path: Path):
    own = datasets.csv_source("telco", customers.write(tmp_path / "all.csv", customers.table(None)))

    loaded = datasets.load("telco", own)

    assert loaded.source == "csv:all.csv"
    assert loaded.fingerprint == datasets.load("telco", datasets.embedded_source("telco")).fingerprint


def test_a_csv_file_that_was_changed_after_it_was_checked_is_refused(tmp_path: Path):
    found = datasets.csv_source("telco", customers.write(tmp_path / "mine.csv", customers.table()))
    customers.write(tmp_path / "mine.csv", customers.table(199))

    with pytest.raises(UserError, match=r"expected SHA-256 .*found .*; run the command again with --data\."):
        datasets.load("telco", found)


def test_a_csv_file_is_checked_to_its_last_row(tmp_path: Path):
    table = customers.table()
    table.loc[199, "contract"] = "Three year"

    with pytest.raises(UserError, match=r"mine\.csv, line 201, column 'contract'"):
        datasets.csv_source("telco", customers.write(tmp_path / "mine.csv", table))


@pytest.mark.parametrize(("churn", "stay"), [(19, 100), (100, 19), (0, 100), (100, 0)])
def test_too_few_rows_of_a_class_are_refused_with_both_counts(tmp_path: Path, churn: int, stay: int):
    everyone = customers.table(1000)
    table = pandas.concat([everyone[everyone.churn == "Yes"][:churn], everyone[everyone.churn == "No"][:stay]])

    with pytest.raises(UserError) as caught:
        datasets.csv_source("telco", customers.write(tmp_path / "few.csv", table))

    assert str(caught.value) == (
        f"{tmp_path}/few.csv: expected at least 20 customers of each class, for a split into train, validation and "
        f"test; found {churn} with churn 'Yes' and {stay} with 'No'; add rows and run the command again."
    )


def test_20_rows_of_each_class_are_enough(tmp_path: Path):
    table = customers.table(1000).groupby("churn").head(20)

    loaded = datasets.load("telco", datasets.csv_source("telco", customers.write(tmp_path / "few.csv", table)))

    counts = [np.bincount(split.labels).tolist() for split in (loaded.train, loaded.validation, loaded.test)]
    assert counts == [[14, 14], [3, 3], [3, 3]]


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        datasets.csv_source("telco", tmp_path / "absent.csv")

    message = f"cannot read {tmp_path}/absent.csv: No such file or directory; name a CSV file with --data."
    assert str(caught.value) == message


def test_an_unreadable_file_is_refused(tmp_path: Path):
    """A link to itself cannot be read by anyone, root included."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)

    with pytest.raises(UserError, match=r"loop\.csv: Too many levels of symbolic links; name a CSV file with --data"):
        datasets.csv_source("telco", loop)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, make):
    make(tmp_path / "odd")

    with pytest.raises(UserError, match=r"odd: it is a folder or a device, not a file; name a CSV file with --data"):
        datasets.csv_source("telco", tmp_path / "odd")


def test_a_data_set_of_images_takes_no_csv_file(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        datasets.csv_source("mnist", tmp_path / "digits.csv")

    assert str(caught.value) == (
        "data set 'mnist' takes no CSV file; these do: telco, telco_monthly, reviews; "
        "for 'mnist' use --source embedded."
    )


def test_a_csv_file_for_an_unknown_data_set_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="unknown data set 'telcos': did you mean 'telco'"):
        datasets.csv_source("telcos", tmp_path / "mine.csv")


@pytest.mark.parametrize("source", ["tfds", "tfds:churn"])
def test_a_data_set_that_tensorflow_datasets_lacks_is_refused_with_those_that_it_has(source: str):
    with pytest.raises(UserError) as caught:
        datasets.tfds_name("telco", source)

    assert str(caught.value) == (
        "data set 'telco' does not come through tensorflow-datasets; these do: mnist, shop; "
        "for 'telco' use --source embedded."
    )


@pytest.mark.parametrize(
    ("dataset", "source", "name"),
    [
        ("mnist", "tfds", "mnist"),
        ("mnist", "tfds:kmnist", "kmnist"),
        ("mnist", "embedded", None),
        ("shop", "tfds:cats_vs_dogs", "cats_vs_dogs"),
        ("shop", "embedded", None),
        ("telco", "embedded", None),
    ],
)
def test_the_name_at_tensorflow_datasets(dataset: str, source: str, name: str | None):
    assert datasets.tfds_name(dataset, source) == name


def test_a_data_set_that_has_no_counterpart_at_tensorflow_datasets_wants_a_name():
    with pytest.raises(UserError, match=r"--source tfds: name the data set to take for 'shop': --source tfds:NAME"):
        datasets.tfds_name("shop", "tfds")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("embedded", list(DATASETS)),
        ("cdnow", ["telco_monthly"]),
        ("stamps", ["shop"]),
        ("tfds", ["mnist"]),
        ("tfds:kmnist", ["mnist", "shop"]),
    ],
)
def test_the_data_sets_that_a_source_offers(source: str, expected: list[str]):
    assert datasets.offering(source) == expected


def test_an_unknown_source_is_refused():
    with pytest.raises(
        UserError, match="unknown source 'csv:mine': expected 'embedded', 'cdnow', 'stamps', 'tfds' or 'tfds:NAME'"
    ):
        datasets.tfds_name("telco", "csv:mine")


def test_recorded_embedded_data_is_found_here_and_a_users_own_file_where_it_was(tmp_path: Path):
    elsewhere = DataFile(Path("/another/installation/telco.csv.gz"), "0" * 64, "restore it")
    own = Source("csv:mine.csv", DataFile(tmp_path / "mine.csv", "0" * 64, "again"))

    assert datasets.here("telco", Source("embedded", elsewhere)) == Source("embedded", telco.EMBEDDED)
    assert datasets.here("telco", own) is own


def test_named_features_are_selected_when_data_is_loaded():
    source = datasets.embedded_source("telco")

    narrow = datasets.load("telco", source, ("tenure", "monthly_charges"))

    assert narrow.feature_names == ("tenure", "monthly_charges")
    assert narrow.prepare(narrow.test.inputs)[ONLY].shape == (len(narrow.test), 2)


def test_images_are_read_as_their_arrays_say():
    arrays = mnist.from_arrays(mnist.EMBEDDED.arrays(), "embedded")

    assert mnist.read(datasets.embedded_source("mnist")).fingerprint == arrays.fingerprint
