"""The data set telco_monthly: customers, labels and splits of telco, a series each, standardised by training months."""

import hashlib
import re
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tests.datasets import customers, months
from twotrack.shared import datasets
from twotrack.shared.datasets import telco, telco_monthly
from twotrack.shared.datasets.files import DataFile, Source
from twotrack.shared.datasets.month_rows import read_months
from twotrack.shared.datasets.monthly import FEATURES
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

SPLITS = ("train", "validation", "test")
DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/telco_monthly.md").read_text()
SHARED_WITH_TELCO = ("tenure", "monthly_charges", "total_charges")


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return telco_monthly.read(months.EMBEDDED)


@pytest.fixture(scope="module")
def table() -> pandas.DataFrame:
    return months.table()


def own(path: Path, table: pandas.DataFrame) -> Dataset:
    """Read a table as a user's own file."""
    return telco_monthly.read(customers.source(customers.write(path, table)))


def customers_of_splits(table: pandas.DataFrame) -> dict[str, np.ndarray]:
    """Return the names of each split's customers."""
    first = table.drop_duplicates("customer").reset_index()
    rows = split_rows((first["churn"] == "Yes").to_numpy().astype(int))
    return {name: first["customer"].to_numpy()[of_split] for name, of_split in zip(SPLITS, rows, strict=True)}


def real_months(dataset: Dataset, split: str) -> np.ndarray:
    """Return the real months of a split, prepared (months, feature 5)."""
    prepared = dataset.prepare(getattr(dataset, split).inputs)
    return prepared["months"][prepared["mask"]]


def last_month(inputs: dict[str, np.ndarray]) -> np.ndarray:
    return inputs["months"][np.arange(len(inputs["mask"])), inputs["mask"].sum(axis=1) - 1]


def test_splits_have_the_shapes_and_types_that_are_stated(loaded: Dataset):
    assert (loaded.name, loaded.source, loaded.class_names) == ("telco_monthly", "embedded", ("stays", "churns"))
    assert loaded.feature_names == FEATURES
    for name in SPLITS:
        split = getattr(loaded, name)
        count = len(split.labels)
        assert {key: (array.dtype, array.shape) for key, array in split.inputs.items()} == {
            "months": (np.float64, (count, 12, 5)),
            "mask": (np.bool_, (count, 12)),
        }
        assert split.labels.dtype == np.int32


def test_each_split_holds_the_customers_of_the_same_split_of_telco_in_the_same_order(loaded: Dataset):
    rows = datasets.load("telco", datasets.embedded_source("telco"))
    columns = [rows.feature_names.index(name) for name in SHARED_WITH_TELCO]

    for name in SPLITS:
        expected, split = getattr(rows, name), getattr(loaded, name)
        np.testing.assert_array_equal(split.labels, expected.labels)
        np.testing.assert_array_equal(last_month(split.inputs)[:, :3], expected.inputs[ONLY][:, columns])


def test_the_values_are_the_same_in_every_version(loaded: Dataset):
    """Runs of two versions can be compared as long as this value stands; a change belongs into the changelog."""
    digest = hashlib.sha256()
    for name in SPLITS:
        split = getattr(loaded, name)
        for array in (split.inputs["months"], split.inputs["mask"], split.labels):
            digest.update(np.ascontiguousarray(array))

    assert digest.hexdigest() == "a8b7f40cdf204bf151e6c97f59d730c9903bd8f437461dc5850bd1aaf276168e"


def test_prepared_months_are_those_of_scikit_learn_fitted_on_the_real_months_of_the_training_split(loaded: Dataset):
    stored = loaded.train.inputs
    scaler = StandardScaler().fit(stored["months"][stored["mask"]])

    for name in SPLITS:
        inputs = getattr(loaded, name).inputs
        found = real_months(loaded, name)
        assert found.dtype == np.float32
        expected = scaler.transform(inputs["months"][inputs["mask"]])
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_prepared_training_months_have_mean_0_and_deviation_1(loaded: Dataset):
    found = real_months(loaded, "train").astype(np.float64)

    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-6)


def test_padding_stays_exactly_0_and_the_mask_passes_unchanged(loaded: Dataset):
    for name in SPLITS:
        inputs = getattr(loaded, name).inputs
        prepared = loaded.prepare(inputs)
        assert prepared["mask"].dtype == np.bool_
        np.testing.assert_array_equal(prepared["mask"], inputs["mask"])
        padding = prepared["months"][~inputs["mask"]]
        assert len(padding) > 0
        assert padding.tobytes() == bytes(padding.nbytes)


def test_a_batch_is_prepared_as_the_whole_split_and_lies_in_memory_row_by_row(loaded: Dataset):
    chosen = [5, 3, 800, 8]
    whole = loaded.prepare(loaded.test.inputs)

    batch = loaded.prepare({name: array[chosen] for name, array in loaded.test.inputs.items()})

    assert batch.keys() == {"months", "mask"}
    for name, array in batch.items():
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, whole[name][chosen])


def test_preparing_leaves_the_stored_inputs_as_they_are(loaded: Dataset):
    before = {name: array.copy() for name, array in loaded.test.inputs.items()}

    loaded.prepare(loaded.test.inputs)

    for name, array in before.items():
        np.testing.assert_array_equal(loaded.test.inputs[name], array)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_measured_for_standardising_does_not_depend_on_held_out_customers(
    table: pandas.DataFrame, tmp_path: Path, split: str
):
    before, after = own(tmp_path / "a.csv", table), own(tmp_path / "b.csv", times_ten(table, split))

    assert (last_month(getattr(after, split).inputs) != last_month(getattr(before, split).inputs)).any()
    np.testing.assert_array_equal(real_months(after, "train"), real_months(before, "train"))


def test_what_is_measured_for_standardising_depends_on_training_customers(table: pandas.DataFrame, tmp_path: Path):
    before, after = own(tmp_path / "a.csv", table), own(tmp_path / "b.csv", times_ten(table, "train"))

    charge = FEATURES.index("monthly_charge")
    assert (real_months(after, "test")[:, charge] < real_months(before, "test")[:, charge]).all()
    np.testing.assert_allclose(real_months(after, "train"), real_months(before, "train"), atol=1e-5)


def times_ten(table: pandas.DataFrame, split: str) -> pandas.DataFrame:
    """Return the table with the monthly charges of that split's customers multiplied by ten."""
    charges = table["monthly_charge"].astype(float)
    theirs = table["customer"].isin(customers_of_splits(table)[split])
    return table.assign(monthly_charge=charges.where(~theirs, 10 * charges).map("{:.17g}".format))


def test_padding_takes_no_part_in_what_is_measured(table: pandas.DataFrame, tmp_path: Path):
    """Of customers with one month each, the mean is that of their months: eleven zeros each would pull it down."""
    newest = table.drop_duplicates("customer", keep="last")

    found = own(tmp_path / "newest.csv", newest)

    assert found.train.inputs["mask"].sum() == len(found.train.labels)
    np.testing.assert_allclose(real_months(found, "train").mean(axis=0), 0, atol=1e-5)


def test_the_embedded_months_as_the_users_own_file_are_the_same_data(loaded: Dataset, tmp_path: Path):
    found = own(tmp_path / "all.csv", months.table(None))

    assert found.source == "csv:customers"
    for name in SPLITS:
        split, expected = getattr(found, name), getattr(loaded, name)
        np.testing.assert_array_equal(split.labels, expected.labels)
        for key, array in expected.inputs.items():
            np.testing.assert_array_equal(split.inputs[key], array)


def test_no_customer_is_in_two_splits(table: pandas.DataFrame, tmp_path: Path):
    """The services of a customer are made the customer's number."""
    found = own(tmp_path / "numbered.csv", table.assign(services=table["customer"].str.removeprefix("C")))

    numbers = [last_month(getattr(found, name).inputs)[:, FEATURES.index("services")] for name in SPLITS]
    assert sorted(np.concatenate(numbers).tolist()) == list(range(months.COUNT))
    for name, own_numbers in zip(SPLITS, numbers, strict=True):
        inputs = getattr(found, name).inputs
        everywhere = inputs["months"][..., FEATURES.index("services")][inputs["mask"]]
        assert set(everywhere) == set(own_numbers)
        assert [f"C{number:.0f}" for number in own_numbers] == customers_of_splits(table)[name].tolist()


@pytest.mark.parametrize(("churn", "stay"), [(19, 100), (100, 19), (0, 100), (100, 0)])
def test_too_few_customers_of_a_class_are_refused_with_both_counts(tmp_path: Path, churn: int, stay: int):
    """However many months they have."""
    everyone = months.table(1000)
    first = everyone.drop_duplicates("customer")
    kept = pandas.concat([first[first.churn == "Yes"][:churn], first[first.churn == "No"][:stay]])["customer"]

    with pytest.raises(UserError) as caught:
        own(tmp_path / "few.csv", everyone[everyone["customer"].isin(kept)])

    assert str(caught.value) == (
        f"{tmp_path}/few.csv: expected at least {telco.SMALLEST_CLASS} customers of each class, for a split into "
        f"train, validation and test; found {churn} with churn 'Yes' and {stay} with 'No'; add rows and run the "
        "command again."
    )


def test_the_data_card_says_first_that_the_months_are_reconstructed():
    title, _, rest = DATA_CARD.partition("\n\n")

    assert title.startswith("# ")
    assert rest.startswith("**The months are reconstructed, not observed.**")


def test_the_data_card_states_counts_means_deviations_and_ranges(loaded: Dataset):
    inputs = [getattr(loaded, name).inputs for name in SPLITS]
    everything = np.concatenate([one["months"][one["mask"]] for one in inputs])
    stored = loaded.train.inputs
    known = stored["months"][stored["mask"]]

    for position, name in enumerate(FEATURES):
        row = re.search(
            rf"^\| `{name}` \| ([\d.,]+) \| ([\d.,]+) \| ([\d.,]+) \| ([\d.,]+) \|$", DATA_CARD, re.MULTILINE
        )
        found = [float(cell.replace(",", "")) for cell in row.groups()]
        column = everything[:, position]
        expected = [known[:, position].mean(), known[:, position].std(), column.min(), column.max()]
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)
    assert f"all {len(everything):,} real months" in DATA_CARD
    for name, one in zip(SPLITS, inputs, strict=True):
        (stay, churn), lengths = np.bincount(getattr(loaded, name).labels), one["mask"].sum(axis=1)
        counts = (stay + churn, stay, churn, lengths.sum(), (lengths < 12).sum())
        assert f"| {name} | {' | '.join(f'{count:,}' for count in counts)} |" in DATA_CARD


def test_the_data_card_states_what_lengths_prices_and_terms_tell():
    table = pandas.read_csv(telco.EMBEDDED.path).fillna({"total_charges": 0.0})
    churned = table["churn"] == "Yes"
    rates = churned.groupby(table["tenure"] < 12).mean()
    longer = table[table["tenure"] > 1]
    ratio = longer["total_charges"] / longer["tenure"] / longer["monthly_charges"]
    rise = (1 - ratio) * longer["monthly_charges"] / (longer["tenure"] - 1)
    p_values = [
        chi2_contingency(pandas.crosstab(rows["tenure"] % term, rows["churn"])).pvalue
        for contract, term in (("One year", 12), ("Two year", 24))
        for rows in [table[(table["contract"] == contract) & (table["tenure"] > 0)]]
    ]

    assert f"{rates[True]:.1%}".replace("%", " %") + " of customers with fewer than twelve months" in DATA_CARD
    assert f"{rates[False]:.1%}".replace("%", " %") + " of the others" in DATA_CARD
    assert f"tenure above 1 month: {roc_auc_score(churned[longer.index], rise):.3f})" in DATA_CARD
    assert f"p = {p_values[0]:.2f} and p = {p_values[1]:.2f}" in DATA_CARD
    within = [f"{(abs(ratio - 1) <= share).mean():.0%}".replace("%", " %") for share in (0.02, 0.05)]
    assert f"For {within[0]} of customers with two months or more" in DATA_CARD
    assert f"for {within[1]} within 5 %" in DATA_CARD
    assert f"the lowest is {ratio.min():.0%}".replace("%", " %") in DATA_CARD


def test_the_example_of_a_users_own_file_on_the_data_card_is_read():
    (example,) = re.findall(r"```csv\n(.*?)```", DATA_CARD, re.DOTALL)

    _, mask, labels = read_months(example, Path("example.csv"))

    assert (mask.sum(axis=1).tolist(), labels.tolist()) == ([2, 1], [0, 1])


def test_a_damaged_embedded_file_is_refused(tmp_path: Path):
    damaged = tmp_path / "telco.csv.gz"
    damaged.write_bytes(telco.EMBEDDED.path.read_bytes()[:-1])
    file = DataFile(damaged, telco.EMBEDDED.sha256, telco.EMBEDDED.restore)

    with pytest.raises(UserError, match="is corrupted: expected SHA-256 7f25327d43c3"):
        telco_monthly.read(Source("embedded", file))


def test_reading_takes_no_longer_than_half_a_second(loaded: Dataset):
    """Of processor time, which other work on the machine does not change."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        telco_monthly.read(months.EMBEDDED)
        seconds.append(time.process_time() - start)

    assert min(seconds) < 1 / 2, seconds
