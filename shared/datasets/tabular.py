"""Tables as data sets: rows of features (examples, features), split, standardised, narrowed and put into words.

A feature is a column of numbers, or one category of a column: `contract=Two year` is 1 where it holds, else 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared.datasets.preparation import Preparation
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.spec.inputs import ONLY, Inputs, each
from twotrack.shared.workers import imports

TRAINING_SHARE = 0.7
SPLIT_SEED = 0
CONSTANT = 1e-12
"""A column whose deviation is this small a part of its mean holds one number and rounding."""


@dataclass(frozen=True)
class Standardise:
    """Stored features (batch, features) to model inputs (batch, features) float32."""

    mean: np.ndarray
    """(features,), 0 for features that pass unchanged."""
    std: np.ndarray
    """(features,), 1 for features that pass unchanged."""

    @classmethod
    def fit(cls, inputs: np.ndarray, numeric: np.ndarray) -> "Standardise":
        """Measure the features (examples, features) for which `numeric` (features,) is true."""
        mean, std = inputs.mean(axis=0), inputs.std(axis=0)
        varies = std > CONSTANT * np.abs(mean)
        return cls(np.where(numeric, mean, 0.0), np.where(numeric & varies, std, 1.0))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (inputs - mean) / std, computed in float64."""
        return ((inputs - self.mean) / self.std).astype(np.float32)

    def select(self, positions: Sequence[int]) -> "Standardise":
        """Return the same for the features at these positions only."""
        return Standardise(self.mean[positions], self.std[positions])


@dataclass(frozen=True)
class PrepareTable(Preparation):
    """Stored rows to model inputs."""

    standardise: Standardise
    feature_names: tuple[str, ...]
    """(features,)"""
    whole_numbers: tuple[str, ...] = ()
    """Columns that hold whole numbers; the other columns without categories hold any."""

    def __call__(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return (batch, features) float32."""
        return each(self.standardise, inputs)

    def client_inputs(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return every column as an input (batch,): numbers, whole numbers int64, or categories as bytes objects."""
        rows = [describe(self.feature_names, row) for row in inputs[ONLY]]
        return {column: self._column(column, [row[column] for row in rows]) for column in rows[0]}

    def _column(self, column: str, values: Sequence[str]) -> np.ndarray:
        if column not in self.feature_names:
            return np.array([value.encode() for value in values], object)
        return np.array(values, np.float64).astype(np.int64 if column in self.whole_numbers else np.float32)

    def show(self, example: Inputs) -> dict[str, str]:
        """Return the row by column."""
        return describe(self.feature_names, example[ONLY])

    def select(self, names: Sequence[str]) -> "PrepareTable":
        """Return the same for the named features only, in the given order."""
        chosen = self.standardise.select(_positions(self.feature_names, names))
        return PrepareTable(chosen, tuple(names), self.whole_numbers)


def one_hot(values: Sequence[str], categories: Sequence[str]) -> np.ndarray:
    """Return (examples, categories), true where the value is the category."""
    return np.asarray(values)[:, np.newaxis] == np.asarray(categories)


def split_rows(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row numbers of train, validation and test: always the same 70/15/15 %, each in stored order.

    Stratified: each class has its share in each split, to within two rows.
    """
    with imports.without(["pandas"]):  # a quarter of scikit-learn's import, for tables of another kind
        from sklearn.model_selection import train_test_split

    train, rest = train_test_split(
        np.arange(len(labels)), train_size=TRAINING_SHARE, stratify=labels, random_state=SPLIT_SEED
    )
    validation, test = train_test_split(rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED)
    return np.sort(train), np.sort(validation), np.sort(test)


def select(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Return the data set of a table with the named features only, in the given order; ValueError if one is unknown."""
    unknown = [name for name in names if name not in dataset.feature_names]
    if unknown:
        raise ValueError(f"{dataset.name} has no feature {', '.join(unknown)}; it has {dataset.feature_names}")
    if not isinstance(dataset.prepare, PrepareTable):
        raise ValueError(f"{dataset.name} is no table; expected inputs that tabular.PrepareTable prepares")
    narrow = dataset.with_splits(lambda split: Split(columns(split.inputs, dataset.feature_names, names), split.labels))
    return replace(narrow, feature_names=tuple(names), prepare=dataset.prepare.select(names))


def columns(inputs: Inputs, feature_names: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the named features of a table's rows (examples, features), in the given order."""
    return {ONLY: inputs[ONLY].take(_positions(feature_names, names), axis=1)}


def _positions(feature_names: Sequence[str], names: Sequence[str]) -> list[int]:
    return [feature_names.index(name) for name in names]


def describe(feature_names: Sequence[str], row: np.ndarray) -> dict[str, str]:
    """Return one stored row (features,) as text by column; 'other' where none of a column's categories holds."""
    described: dict[str, str] = {}
    for name, value in zip(feature_names, row, strict=True):
        column, _, category = name.partition("=")
        if not category:
            described[column] = np.format_float_positional(value, trim="-")
        elif value:
            described[column] = category
        else:
            described.setdefault(column, "other")
    return described
