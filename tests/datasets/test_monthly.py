"""Twelve months from one row: in agreement with every total of the table, and blind to who churned."""

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets import customers
from tests.datasets.months import read_customers
from twotrack.shared.datasets.customer import Customer
from twotrack.shared.datasets.monthly import FEATURES, MONTHS, count_services, prefix_mask, reconstruct

CENT = 0.005
TENURE, CHARGE, CUMULATIVE, SERVICES, LEFT = range(5)
TERMS = {"Month-to-month": 1, "One year": 12, "Two year": 24}
(SOMEONE,) = read_customers(customers.table(1))


@pytest.fixture(scope="module")
def everyone() -> list[Customer]:
    return read_customers(customers.table(None))


@pytest.fixture(scope="module")
def series(everyone: list[Customer]) -> tuple[np.ndarray, np.ndarray]:
    return reconstruct(everyone)


@pytest.fixture(scope="module")
def reference() -> pandas.DataFrame:
    """The file as pandas reads it."""
    numbers = ["tenure", "monthly_charges", "total_charges"]
    return customers.table(None).replace("NA", "0").astype(dict.fromkeys(numbers, float))


def last(months: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return each customer's last real month (customers, feature 5)."""
    return months[np.arange(len(months)), mask.sum(axis=1) - 1]


def customer(**values) -> Customer:
    return SOMEONE.model_copy(update=values)


def one_series(**values) -> np.ndarray:
    """Return the real months of one customer (month, feature 5)."""
    months, mask = reconstruct([customer(**values)])
    return months[mask]


histories = st.builds(
    customer,
    tenure=st.integers(0, 72),
    monthly_charges=st.integers(0, 20_000).map(lambda cents: cents / 100),
    total_charges=st.integers(0, 1_000_000).map(lambda cents: cents / 100),
    contract=st.sampled_from(list(TERMS)),
).map(
    # As in the table: nothing charged before the first month, and in the first month the price.
    lambda one: one.model_copy(update={"total_charges": one.tenure * one.monthly_charges}) if one.tenure < 2 else one
)


def test_the_last_month_of_every_customer_is_the_row_of_the_table(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    found = last(*series)

    assert len(found) == 7043
    np.testing.assert_array_equal(found[:, TENURE], reference["tenure"])
    np.testing.assert_array_equal(found[:, CHARGE], reference["monthly_charges"])
    np.testing.assert_array_equal(found[:, CUMULATIVE], reference["total_charges"])


def test_charges_add_up_to_the_total_of_every_customer_to_the_cent(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    """The charges of the months, and what was charged before the first of them."""
    months, _ = series
    before = months[:, 0, CUMULATIVE] - months[:, 0, CHARGE]
    charged = before + months[..., CHARGE].sum(axis=1)

    arrived = reference["tenure"].to_numpy() > 0
    np.testing.assert_allclose(charged[arrived], reference["total_charges"][arrived], rtol=0, atol=CENT)


def test_each_months_charge_is_what_the_cumulative_charge_rises_by(series: tuple[np.ndarray, np.ndarray]):
    months, mask = series

    rises = np.diff(months[..., CUMULATIVE], axis=1)

    np.testing.assert_allclose(rises[mask[:, 1:]], months[:, 1:, CHARGE][mask[:, 1:]], rtol=0, atol=CENT)


def test_who_has_been_there_for_up_to_twelve_months_paid_nothing_before_the_first(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    months, _ = series
    new = reference["tenure"].between(1, 12).to_numpy()

    np.testing.assert_array_equal(months[new, 0, TENURE], 1)
    np.testing.assert_allclose(months[new, 0, CUMULATIVE], months[new, 0, CHARGE], rtol=0, atol=CENT)


def test_tenure_counts_the_months_one_by_one(series: tuple[np.ndarray, np.ndarray]):
    months, mask = series

    assert (np.diff(months[..., TENURE], axis=1)[mask[:, 1:]] == 1).all()


def test_the_mask_is_a_prefix_as_long_as_the_customer_stayed_and_padding_is_0(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    months, mask = series

    assert (mask.dtype, months.dtype, months.shape) == (np.bool_, np.float64, (7043, MONTHS, len(FEATURES)))
    np.testing.assert_array_equal(mask.sum(axis=1), reference["tenure"].clip(1, 12))
    np.testing.assert_array_equal(mask, np.sort(mask, axis=1)[:, ::-1])
    assert (months[~mask] == 0).all()
    assert months[mask].any(axis=1).all()


def test_who_has_just_arrived_has_one_month_with_nothing_charged(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    months, mask = series
    arrived = (reference["tenure"] == 0).to_numpy()

    assert arrived.sum() == 11
    np.testing.assert_array_equal(mask[arrived].sum(axis=1), 1)
    assert (months[arrived, 0][:, [TENURE, CUMULATIVE]] == 0).all()
    np.testing.assert_array_equal(months[arrived, 0, CHARGE], reference["monthly_charges"][arrived])
    np.testing.assert_array_equal(months[arrived, 0, LEFT], reference["contract"][arrived].map(TERMS))


def test_charges_are_the_evenly_spaced_prices_that_numpy_draws_from_the_first_month_to_the_last(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    """A line that ends at the present price and whose mean is the mean charge begins at 2 mean - price."""
    rows = reference[["tenure", "monthly_charges", "total_charges"]].to_numpy()

    for (tenure, price, total), months, mask in zip(rows, *series, strict=True):
        if tenure > 0:
            prices = np.linspace(2 * total / tenure - price, price, int(tenure))
            expected = np.column_stack([prices, prices.cumsum()])[-12:]
            np.testing.assert_allclose(months[mask][:, [CHARGE, CUMULATIVE]], expected, rtol=0, atol=1e-9)


def test_no_reconstructed_charge_is_negative(series: tuple[np.ndarray, np.ndarray]):
    """Not in the first month of all either: no customer's mean charge is below half the present price."""
    months, mask = series

    assert months[mask][:, [CHARGE, CUMULATIVE]].min() >= 0
    assert months[mask][:, CHARGE].min() > 7


def test_services_are_those_that_pandas_counts(series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame):
    months, mask = series
    texts = (reference[[name for name in reference.columns if name not in ("churn", "partner")]] == "Yes").sum(axis=1)
    expected = texts + reference["phone_service"].astype(int) + reference["internet_service"].ne("No")

    np.testing.assert_array_equal(months[..., SERVICES], np.where(mask, expected.to_numpy()[:, None], 0))
    assert (expected.min(), expected.max()) == (1, 9)


def test_every_service_is_counted_once():
    none = dict.fromkeys(Customer.model_fields, "No") | {"phone_service": 0}
    names = [name for name, value in none.items() if value == "No" and name not in ("churn", "contract")]
    services = [name for name in names if count_services(customer(**none | {name: "Yes"})) == 1]

    assert count_services(customer(**none)) == 0
    assert len(services) == 8
    assert count_services(customer(**none | {"phone_service": 1, "internet_service": "DSL"})) == 2


@pytest.mark.parametrize(
    ("contract", "tenure", "left"),
    [
        ("Month-to-month", 3, [1, 1, 1]),
        ("One year", 3, [11, 10, 9]),
        ("One year", 13, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 12, 11]),
        ("Two year", 25, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 24, 23]),
        ("Two year", 0, [24]),
    ],
)
def test_a_contract_runs_down_from_the_first_month_and_is_renewed_when_it_ends(
    contract: str, tenure: int, left: list[int]
):
    assert one_series(contract=contract, tenure=tenure)[:, LEFT].tolist() == left


def test_contract_months_left_count_down_or_start_again(
    series: tuple[np.ndarray, np.ndarray], reference: pandas.DataFrame
):
    months, mask = series
    term = np.broadcast_to(reference["contract"].map(TERMS).to_numpy()[:, None], mask.shape)
    before, after = months[:, :-1, LEFT], months[:, 1:, LEFT]

    expected = np.where(before == 1, term[:, 1:], before - 1)
    np.testing.assert_array_equal(after[mask[:, 1:]], expected[mask[:, 1:]])
    assert (months[mask][:, LEFT] >= 1).all()
    assert (months[..., LEFT][mask] <= term[mask]).all()


def test_who_churned_makes_no_difference(everyone: list[Customer], series: tuple[np.ndarray, np.ndarray]):
    labels = np.random.default_rng(0).permutation([one.churn for one in everyone])
    others = [one.model_copy(update={"churn": label}) for one, label in zip(everyone, labels, strict=True)]

    assert labels.tolist() != [one.churn for one in everyone]
    for found, expected in zip(reconstruct(others), series, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_customers_months_do_not_depend_on_other_customers(
    everyone: list[Customer], series: tuple[np.ndarray, np.ndarray]
):
    for number in (0, 488, 7042):
        months, mask = reconstruct([everyone[number]])
        np.testing.assert_array_equal(months[0], series[0][number])
        np.testing.assert_array_equal(mask[0], series[1][number])


@given(st.lists(histories, min_size=1, max_size=5))
def test_any_history_ends_at_its_row_and_adds_up(people: list[Customer]):
    months, mask = reconstruct(people)

    for one, own, real in zip(people, months, mask, strict=True):
        rows = own[real]
        assert len(rows) == min(max(one.tenure, 1), 12)
        assert rows[-1, :3].tolist() == [one.tenure, one.monthly_charges, one.total_charges]
        np.testing.assert_allclose(np.diff(rows[:, CUMULATIVE]), rows[1:, CHARGE], rtol=0, atol=1e-6)
        assert (np.ptp(np.diff(rows[:, CHARGE])) if len(rows) > 2 else 0) < 1e-6
        if 1 <= one.tenure <= 12:
            assert rows[0, CUMULATIVE] == pytest.approx(rows[0, CHARGE], abs=1e-6)


@given(st.lists(st.integers(1, 12), min_size=1))
def test_a_mask_is_true_for_that_many_months_from_the_front(lengths: list[int]):
    expected = [[month < length for month in range(12)] for length in lengths]

    assert prefix_mask(np.array(lengths)).tolist() == expected
