"""Months of real customers as a user could have them: the embedded series as a long table, a row a month."""

from pathlib import Path

import numpy as np
import pandas

from tests.datasets import customers
from twotrack.shared.datasets import telco
from twotrack.shared.datasets.csv_rows import read_rows
from twotrack.shared.datasets.customer import Customer
from twotrack.shared.datasets.files import Source
from twotrack.shared.datasets.monthly import FEATURES, reconstruct

COUNT = 200
FIRST_MONTH = 100
COLUMNS = ("customer", "month", *FEATURES, "churn")
EMBEDDED = Source("embedded", telco.EMBEDDED)


def read_customers(table: pandas.DataFrame) -> list[Customer]:
    return read_rows(table.to_csv(index=False), Path("customers.csv"), Customer)


def long(months: np.ndarray, mask: np.ndarray, churn: list[str]) -> pandas.DataFrame:
    """Return the real months as text, customers C0, C1, ... one below the other; numbers as exact as they are."""
    customer, place = np.nonzero(mask)
    table = pandas.DataFrame(months[mask], columns=list(FEATURES)).map(lambda value: f"{value:.17g}")
    table.insert(0, "customer", [f"C{number}" for number in customer])
    table.insert(1, "month", (FIRST_MONTH + place).astype(str))
    return table.assign(churn=np.array(churn)[customer])


def table(count: int | None = COUNT) -> pandas.DataFrame:
    """Return the months of the first customers."""
    rows = customers.table(count)
    return long(*reconstruct(read_customers(rows)), list(rows["churn"]))
