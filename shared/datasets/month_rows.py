"""Months of customers from a CSV file of the user's own: one row a month, in any order, each with its customer."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, Field

from twotrack.shared.datasets.csv_rows import LONGEST, REMEDY, numbered_rows
from twotrack.shared.datasets.customer import LARGEST, Amount, Months
from twotrack.shared.datasets.monthly import FEATURES, MONTHS, prefix_mask
from twotrack.shared.errors import UserError


def _named(text: str) -> str:
    # Spaces would make two customers of one, and rows without a name one customer of many.
    name = text.strip()
    if name in {"", "NA"}:
        raise ValueError
    return name


Name = Annotated[str, AfterValidator(_named), Field(description="the name or number of a customer")]
Count = Annotated[int, Field(ge=0, le=LARGEST, description=f"a whole number from 0 to {LARGEST:,.0f}")]


class KnownMonth(BaseModel):
    """What is known of one month of one customer."""

    customer: Name
    month: Count
    tenure: Months
    monthly_charge: Amount
    cumulative_charge: Amount
    services: Count
    contract_months_left: Months


class Month(KnownMonth):
    """A row of the file: one month of one customer, with the label."""

    churn: Literal["No", "Yes"]


Row = TypeVar("Row", bound=KnownMonth)
Numbered = tuple[int, Row]
"""A row and the line, from 1, on which it begins."""


def read_months(text: str, file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return months (customers, month 12, feature 5), mask (customers, month 12) and labels (customers,) int32.

    Customers stand in the order in which they first appear, each with its last twelve months.
    Raises UserError, with line and column, for the first thing that is wrong.
    """
    histories = _histories(text, file, Month)
    return *_arrays(histories), np.array([history[0].churn == "Yes" for history in histories], np.int32)


def read_unlabelled(text: str, file: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the customers' names, months and mask as `read_months` does; the column `churn` is not needed."""
    histories = _histories(text, file, KnownMonth)
    return [history[0].customer for history in histories], *_arrays(histories)


def _histories(text: str, file: Path, model: type[Row]) -> list[list[Row]]:
    return [_in_order(rows, file) for rows in _by_customer(numbered_rows(text, file, model), file)]


def _arrays(histories: Sequence[Sequence[KnownMonth]]) -> tuple[np.ndarray, np.ndarray]:
    mask = prefix_mask(np.array([min(len(history), MONTHS) for history in histories]))
    months = np.zeros((*mask.shape, len(FEATURES)))
    months[mask] = [[getattr(row, name) for name in FEATURES] for history in histories for row in history[-MONTHS:]]
    return months, mask


def _by_customer(rows: Iterable[Numbered[Row]], file: Path) -> Iterable[dict[int, Numbered[Row]]]:
    """Return each customer's rows by month."""
    customers: dict[str, dict[int, Numbered[Row]]] = {}
    for line, row in rows:
        known = customers.setdefault(row.customer, {})
        _require_new(line, row, known, file)
        known[row.month] = line, row
    return customers.values()


def _require_new(line: int, row: Row, known: dict[int, Numbered[Row]], file: Path) -> None:
    """Refuse a month that the customer has already, and another label than the customer's first."""
    if row.month in known:
        expected = f"each month of a customer once ({_customer(row)} has it in line {known[row.month][0]})"
        _refuse(file, line, "month", expected, str(row.month))
    first_line, first = next(iter(known.values()), (line, row))
    if isinstance(row, Month) and isinstance(first, Month) and row.churn != first.churn:
        expected = f"'{first.churn}' as in line {first_line}, the same in every row of {_customer(row)}"
        _refuse(file, line, "churn", expected, f"'{row.churn}'")


def _in_order(known: dict[int, Numbered[Row]], file: Path) -> list[Row]:
    """Return a customer's rows from the first month to the last, refused if one is missing in between."""
    rows = sorted(known.values(), key=lambda numbered: numbered[1].month)
    for (before, last), (line, row) in pairwise(rows):
        if row.month != last.month + 1:
            expected = f"{last.month + 1} after line {before} (the months of {_customer(row)} without a gap)"
            _refuse(file, line, "month", expected, str(row.month))
    return [row for _, row in rows]


def _customer(row: KnownMonth) -> str:
    return f"customer {row.customer[:LONGEST]!r}"


def _refuse(file: Path, line: int, column: str, expected: str, found: str) -> NoReturn:
    raise UserError(f"{file}, line {line}, column '{column}': expected {expected}, found {found}; {REMEDY}.")
