"""Telco churn: 7,043 customers of a telephone company, 1,869 of whom left. Data card: docs/datasets/telco.md.

Features, 40: three numbers, six flags, and one 0/1 feature for each category of the other ten columns.
Splits: 70/15/15 %, stratified, stated in shared/datasets/tabular.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twotrack.shared.datasets.files import EMBEDDED_FOLDER, DataFile, Source, csv_file
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.datasets.tabular import PrepareTable, Standardise, split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

if TYPE_CHECKING:
    from twotrack.shared.datasets.customer import Customer

EMBEDDED = DataFile(
    EMBEDDED_FOLDER / "telco.csv.gz",
    sha256="7f25327d43c35f11175aa2de3fcba49f0df97ccaae4e19b98ebcfc9d1532340f",
    restore="restore it with 'git checkout' or install twotrack again",
)
ORIGIN = "IBM Watson sample, taken from the R package modeldata; 7,043 customers, 20 columns"
LICENCE = "MIT"
SOURCES = ("csv",)
EXAMPLE = "a CSV file of customers"
CLASS_NAMES = ("stays", "churns")
NUMERIC = ("tenure", "monthly_charges", "total_charges")
SMALLEST_CLASS = 20
"""Then validation and test hold three or more of each class."""


def read(source: Source) -> Dataset:
    """Read, check and split the customers; UserError with line and column if a row is not as it should be."""
    from twotrack.shared.datasets.customer import WHOLE_NUMBERS, features

    customers, labels = read_customers(source)
    require_both_classes(labels, source.file.path)
    feature_names, inputs = features(customers)
    train, validation, test = (Split({ONLY: inputs[rows]}, labels[rows]) for rows in split_rows(labels))
    standardise = Standardise.fit(train.inputs[ONLY], np.isin(feature_names, NUMERIC))
    return Dataset(
        name="telco",
        source=source.name,
        class_names=CLASS_NAMES,
        train=train,
        validation=validation,
        test=test,
        prepare=PrepareTable(standardise, feature_names, WHOLE_NUMBERS),
        feature_names=feature_names,
    )


def examples(given: Sequence[str]) -> Examples:
    """Return the customers in CSV files of the user's own, one example a row; the column `churn` may be missing."""
    from twotrack.shared.datasets.csv_rows import numbered_rows
    from twotrack.shared.datasets.customer import KnownCustomer, features

    files = [csv_file(Path(name), f"name {EXAMPLE}") for name in given]
    rows = [(file.path, *row) for file in files for row in numbered_rows(file.text(), file.path, KnownCustomer)]
    feature_names, inputs = features([customer for _, _, customer in rows])
    return Examples(tuple(f"{path}, line {line}" for path, line, _ in rows), {ONLY: inputs}, feature_names)


def read_customers(source: Source) -> tuple[list["Customer"], np.ndarray]:
    """Return the customers in the order of the file, and their labels (customers,) int32; UserError as for `read`."""
    from twotrack.shared.datasets.csv_rows import read_rows
    from twotrack.shared.datasets.customer import Customer

    customers = read_rows(source.file.text(), source.file.path, Customer)
    return customers, np.array([customer.churn == "Yes" for customer in customers], np.int32)


def require_both_classes(labels: np.ndarray, file: Path) -> None:
    """Raise UserError unless there are enough customers of each class for three splits."""
    stay, churn = np.bincount(labels, minlength=2)
    if min(stay, churn) < SMALLEST_CLASS:
        raise UserError(
            f"{file}: expected at least {SMALLEST_CLASS} customers of each class, for a split into train, validation "
            f"and test; found {churn} with churn 'Yes' and {stay} with 'No'; add rows and run the command again."
        )
