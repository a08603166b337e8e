"""A user's own months: read alike in every order of the rows, and refused with file, line and column."""

import csv
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets import customers, months
from twotrack.shared.datasets.month_rows import read_months
from twotrack.shared.datasets.monthly import FEATURES, MONTHS
from twotrack.shared.errors import UserError

FILE = Path("mine.csv")
TABLE = months.table(30)
SMALL = months.table(6)
WHOLE = "a whole number from 0 to 1,000,000,000"
WHOLE_MONTHS = "whole months from 0 to 1,000,000,000"
AMOUNT = "a number from 0 to 1,000,000,000"
NAME = "the name or number of a customer"
EXPECTED_IN = {
    "customer": NAME,
    "month": WHOLE,
    "tenure": WHOLE_MONTHS,
    "monthly_charge": AMOUNT,
    "cumulative_charge": AMOUNT,
    "services": WHOLE,
    "contract_months_left": WHOLE_MONTHS,
    "churn": "one of 'No', 'Yes'",
}
REMEDY = "correct the file and run the command again."


def read(table: pandas.DataFrame, **options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return read_months(table.to_csv(index=False, **options), FILE)


def message(table: pandas.DataFrame) -> str:
    with pytest.raises(UserError) as caught:
        read(table)
    return str(caught.value)


def history(count: int, name: str = "A", churn: str = "No", first_month: int = 1) -> pandas.DataFrame:
    """Return `count` months of one customer; the tenure in each is the number of the row."""
    numbers = pandas.DataFrame({name: range(1, count + 1) for name in FEATURES})
    return numbers.assign(customer=name, month=range(first_month, first_month + count), churn=churn)


def by_hand(table: pandas.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a table should be read as, made with pandas."""
    series, masks, labels = [], [], []
    for _, rows in table.groupby("customer", sort=False):
        last = rows.sort_values("month", key=pandas.to_numeric)[list(FEATURES)].astype(float).tail(12)
        series.append(last.reset_index(drop=True).reindex(range(12), fill_value=0.0))
        masks.append([place < len(last) for place in range(12)])
        labels.append(int(rows["churn"].iloc[0] == "Yes"))
    return np.array(series), np.array(masks), np.array(labels)


def test_months_are_those_that_pandas_groups():
    found = read(TABLE)

    assert [array.dtype for array in found] == [np.float64, np.bool_, np.int32]
    assert [array.shape for array in found] == [(30, 12, 5), (30, 12), (30,)]
    for array, expected in zip(found, by_hand(TABLE), strict=True):
        np.testing.assert_array_equal(array, expected)


@given(st.permutations(range(len(SMALL))))
def test_rows_may_stand_in_any_order(order: list[int]):
    """Customers then stand in the order in which they first appear."""
    table = SMALL.iloc[order]

    for array, expected in zip(read(table), by_hand(table), strict=True):
        np.testing.assert_array_equal(array, expected)


@given(
    order=st.permutations([*SMALL.columns, "region"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_order_of_columns_quotes_line_ends_and_further_columns_make_no_difference(
    order: list[str], quoting: int, line_end: str
):
    table = SMALL.assign(region="north, east")[order]

    for array, expected in zip(read(table, quoting=quoting, lineterminator=line_end), read(SMALL), strict=True):
        np.testing.assert_array_equal(array, expected)


@given(st.integers(1, 30), st.integers(0, 10**8))
def test_the_last_twelve_months_are_used(count: int, first_month: int):
    ((rows,), (mask,), _) = read(history(count, first_month=first_month))

    kept = min(count, MONTHS)
    assert rows[:, 0].tolist() == [*range(count - kept + 1, count + 1), *[0] * (MONTHS - kept)]
    assert mask.tolist() == [True] * kept + [False] * (MONTHS - kept)


def test_months_are_ordered_as_numbers_not_as_text():
    ((rows,), _, _) = read(history(3, first_month=9).iloc[::-1])

    assert rows[:3, 0].tolist() == [1, 2, 3]


def test_each_customer_counts_months_from_a_number_of_its_own():
    months_, mask, labels = read(pandas.concat([history(2, "A", first_month=0), history(3, "B", "Yes", 202)]))

    assert mask.sum(axis=1).tolist() == [2, 3]
    assert labels.tolist() == [0, 1]
    assert months_[1, :4, 0].tolist() == [1, 2, 3, 0]


def test_spaces_around_a_name_make_no_other_customer():
    table = history(3)
    table.loc[1, "customer"] = " A "

    assert read(table)[1].sum(axis=1).tolist() == [3]


def test_names_that_are_written_in_another_way_are_other_customers():
    names = ["1", "001", "1.0", "a", "A", "Zoë, née O'Hara", 'say "no"', "N/A"]

    series, _, _ = read(pandas.concat(history(count + 1, name) for count, name in enumerate(names)))

    assert [(rows[:, 0] > 0).sum() for rows in series] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("column", EXPECTED_IN)
@pytest.mark.parametrize("missing", ["", "NA"])
def test_nothing_may_be_missing(column: str, missing: str):
    table = TABLE.copy()
    table.loc[7, column] = missing

    found = f"expected {EXPECTED_IN[column]}, found '{missing}'"
    assert message(table) == f"mine.csv, line 9, column '{column}': {found}; {REMEDY}"


@pytest.mark.parametrize(
    ("columns", "texts"),
    [
        (("month", "tenure", "services", "contract_months_left"), ("-1", "1.5", "May", "nan", "inf", "1000000001")),
        (("month",), ("2024-05", "2024-05-01", "05/2024")),
        (("monthly_charge", "cumulative_charge"), ("-0.01", "$70", "70,35", "nan", "inf", "1e400")),
        (("churn",), ("yes", "1", " Yes", "churned")),
        (("customer",), (" ", "\t", " NA ")),
    ],
    ids=["whole numbers", "dates", "amounts", "label", "name"],
)
def test_what_is_no_such_value_is_refused(columns: tuple[str, ...], texts: tuple[str, ...]):
    for column in columns:
        for text in texts:
            table = TABLE.copy()
            table.loc[11, column] = text
            found = f"expected {EXPECTED_IN[column]}, found {text!r}"
            assert message(table) == f"mine.csv, line 13, column '{column}': {found}; {REMEDY}"


def test_a_month_that_a_customer_has_twice_is_refused_with_both_lines():
    table = pandas.concat([history(4), history(2, "B"), history(4).iloc[[2]]])

    assert message(table) == (
        "mine.csv, line 8, column 'month': expected each month of a customer once (customer 'A' has it in line 4), "
        f"found 3; {REMEDY}"
    )


def test_the_same_month_written_in_another_way_is_the_same_month():
    table = history(2).astype({"month": str})
    table.loc[1, "month"] = "1.0"

    assert "line 3, column 'month': expected each month of a customer once" in message(table)


@pytest.mark.parametrize("gap", [2, 5, 13])
def test_a_gap_is_refused_with_the_months_on_both_sides(gap: int):
    """Before the last twelve months too."""
    table = pandas.concat([history(1, "B"), history(15).query("month != @gap")])

    assert message(table) == (
        f"mine.csv, line {gap + 2}, column 'month': expected {gap} after line {gap + 1} (the months of customer 'A' "
        f"without a gap), found {gap + 1}; {REMEDY}"
    )


def test_a_gap_is_found_where_rows_are_interleaved_and_the_latest_come_first():
    table = pandas.concat([history(5).drop(index=2), history(4, "B")]).sort_values("month", ascending=False)

    line = 2 + [*zip(table["customer"], table["month"], strict=True)].index(("A", 4))
    before = 2 + [*zip(table["customer"], table["month"], strict=True)].index(("A", 2))
    assert message(table).startswith(f"mine.csv, line {line}, column 'month': expected 3 after line {before} ")


def test_calendar_numbers_are_refused_where_the_year_changes():
    table = history(2)
    table["month"] = [202312, 202401]

    assert "line 3, column 'month': expected 202313 after line 2" in message(table)


@pytest.mark.parametrize(("first", "second"), [("No", "Yes"), ("Yes", "No")])
def test_another_label_than_in_the_customers_first_row_is_refused_with_both_lines(first: str, second: str):
    table = pandas.concat([history(2, "B"), history(3, churn=first)], ignore_index=True)
    table.loc[4, "churn"] = second

    assert message(table) == (
        f"mine.csv, line 6, column 'churn': expected '{first}' as in line 4, the same in every row of customer 'A', "
        f"found '{second}'; {REMEDY}"
    )


def test_a_long_name_is_shown_briefly_and_in_one_line():
    found = message(pandas.concat([history(1, "a\nb" + "x" * 10_000)] * 2))

    assert "customer 'a\\nbxxx" in found
    assert len(found) < 300
    assert "\n" not in found


def test_the_line_is_the_one_an_editor_shows_when_rows_span_lines():
    table = pandas.concat([history(3), history(3).iloc[[0]]]).assign(note="one\ntwo")

    assert message(table).startswith("mine.csv, line 8, column 'month'")


@pytest.mark.parametrize("column", EXPECTED_IN)
def test_a_missing_column_is_named(column: str):
    assert message(TABLE.drop(columns=column)) == (
        f"mine.csv, line 1: expected a header with these columns too: '{column}'; found instead: nothing; "
        "separate the columns by commas and run the command again."
    )


def test_a_table_of_one_row_a_customer_is_refused_with_the_columns_that_it_lacks():
    """The columns of telco are not those of telco_monthly."""
    found = message(customers.table(30))

    assert found.startswith(
        "mine.csv, line 1: expected a header with these columns too: 'customer', 'month', 'monthly_charge', "
        "'cumulative_charge', 'services', 'contract_months_left'; found instead: "
    )


def test_a_header_without_rows_and_an_empty_file_are_refused():
    assert message(TABLE[:0]) == f"mine.csv: expected rows below the header, found none; {REMEDY}"
    with pytest.raises(UserError, match=r"mine\.csv is empty: expected a header with the columns 'customer', 'month'"):
        read_months("", FILE)
