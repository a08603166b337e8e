"""Telco churn as series: up to twelve months of each customer. Data card: docs/datasets/telco_monthly.md.

The months of the embedded customers are reconstructed from one row each (shared/datasets/monthly.py), not observed.
A user's own file holds months as they were (shared/datasets/month_rows.py). Labels, splits and class names: as telco.
In their place, the months of CDNOW's customers as they were: shared/datasets/cdnow.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.datasets import cdnow, telco
from twotrack.shared.datasets.files import Source, csv_file
from twotrack.shared.datasets.monthly import FEATURES, reconstruct
from twotrack.shared.datasets.preparation import Preparation
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.datasets.tabular import Standardise, describe, split_rows
from twotrack.shared.spec.inputs import Inputs

EMBEDDED = telco.EMBEDDED
ORIGIN = f"{telco.ORIGIN}; twelve months of each reconstructed, not observed"
LICENCE = telco.LICENCE
SOURCES = ("csv", cdnow.NAME)
EXAMPLE = "a CSV file of months of customers"

Histories = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Months (customers, month 12, feature 5), mask (customers, month 12) and labels (customers,)."""


def read(source: Source) -> Dataset:
    """Read, check and split the customers; UserError with line and column if a row is not as it should be."""
    if source.name == cdnow.NAME:
        return _split(source, cdnow.read_months(source), cdnow.CLASS_NAMES, cdnow.FEATURES)
    histories = _own(source) if source.name.startswith("csv:") else _embedded(source)
    telco.require_both_classes(histories[2], source.file.path)
    return _split(source, histories, telco.CLASS_NAMES, FEATURES)


def _split(source: Source, histories: Histories, class_names: tuple[str, ...], features: tuple[str, ...]) -> Dataset:
    months, mask, labels = histories
    train, validation, test = (
        Split({"months": months[rows], "mask": mask[rows]}, labels[rows]) for rows in split_rows(labels)
    )
    return Dataset(
        name="telco_monthly",
        source=source.name,
        class_names=class_names,
        train=train,
        validation=validation,
        test=test,
        prepare=PrepareMonths(fit(train.inputs["months"], train.inputs["mask"]), features),
        feature_names=features,
    )


def examples(given: Sequence[str]) -> Examples:
    """Return the customers in CSV files of the user's own months; the column `churn` may be missing."""
    from twotrack.shared.datasets.month_rows import read_unlabelled

    files = [csv_file(Path(name), f"name {EXAMPLE}") for name in given]
    histories = [(file.path, *read_unlabelled(file.text(), file.path)) for file in files]
    names = tuple(f"{path}, customer {name}" for path, customers, _, _ in histories for name in customers)
    months, mask = (np.concatenate([arrays[number] for arrays in histories]) for number in (2, 3))
    return Examples(names, {"months": months, "mask": mask}, FEATURES)


def fit(months: np.ndarray, mask: np.ndarray) -> Standardise:
    """Measure mean and deviation of the features (5,) over the real months of (customers, month 12, feature 5)."""
    return Standardise.fit(months[mask], np.full(months.shape[-1], True))


@dataclass(frozen=True)
class PrepareMonths(Preparation):
    """Stored months and mask to model inputs."""

    standardise: Standardise
    feature_names: tuple[str, ...] = FEATURES

    def __call__(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return months (batch, month 12, feature 5) float32, exactly 0 where there is no real month, and the mask."""
        mask = inputs["mask"]
        months = np.where(mask[..., np.newaxis], self.standardise(inputs["months"]), np.float32(0))
        return {"months": months, "mask": mask}

    def client_inputs(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return every feature as an input (batch, month 12) float32, and the mask."""
        columns = {name: inputs["months"][..., axis].astype(np.float32) for axis, name in enumerate(self.feature_names)}
        return columns | {"mask": inputs["mask"]}

    def table(self, inputs: Inputs) -> np.ndarray:
        """Return (batch, 72): all months side by side, and which are real."""
        prepared = self(inputs)
        return np.hstack([prepared["months"].reshape(len(prepared["mask"]), -1), prepared["mask"]])

    def show(self, example: Inputs) -> dict[str, str]:
        """Return the number of real months, and the last of them by column."""
        steps = example["months"][example["mask"]]
        return {"months": str(len(steps))} | describe(self.feature_names, steps[-1])


def _embedded(source: Source) -> Histories:
    customers, labels = telco.read_customers(source)
    return *reconstruct(customers), labels


def _own(source: Source) -> Histories:
    from twotrack.shared.datasets.month_rows import read_months

    return read_months(source.file.text(), source.file.path)
