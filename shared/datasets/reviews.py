"""Reviews: 5,000 of groceries at Amazon, 1,742 of them with less than five stars. Data card: docs/datasets/reviews.md.

Splits of the published file: its last 1,000 reviews are the test split, and 600 of the 4,000 others, stratified,
the validation split. A user's own file is split as any table is, stated in shared/datasets/tabular.py.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twotrack.shared.datasets import texts
from twotrack.shared.datasets.files import EMBEDDED_FOLDER, DataFile, Source
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.datasets.tabular import SPLIT_SEED, split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY, Inputs

EMBEDDED = DataFile(
    EMBEDDED_FOLDER / "reviews.csv.gz",
    sha256="e134a5ca4fefc198ead2de6887af527c3752fb3b371be13eaed6e48588bcfdac",
    restore="restore it with 'git checkout' or install twotrack again",
)
ORIGIN = "Amazon fine foods, taken from the R package modeldata; 4,000 + 1,000 reviews"
LICENCE = "MIT"
SOURCES = ("csv",)
EXAMPLE = "a text"
CLASS_NAMES = ("satisfied", "dissatisfied")
VALIDATION, TEST = 600, 1000
SMALLEST_CLASS = 20
"""Then validation and test hold three or more of each class."""


def read(source: Source) -> Dataset:
    """Read, check and split the reviews; UserError with line and column if a row is not as it should be.

    Inputs are stored as texts (examples,), as they were written.
    """
    from twotrack.shared.datasets.csv_rows import read_rows
    from twotrack.shared.datasets.review import Published, Review

    published = source.file.sha256 == EMBEDDED.sha256
    text, path = source.file.text(), source.file.path
    rows: Sequence[Published | Review] = (
        read_rows(text, path, Published) if published else read_rows(text, path, Review)
    )
    inputs = texts.array(row.text for row in rows)
    labels = np.array([row.dissatisfied for row in rows], np.int32)
    _require_both_classes(labels, source.file.path)
    numbers = published_split(labels) if published else split_rows(labels)
    train, validation, test = (Split({ONLY: inputs[chosen]}, labels[chosen]) for chosen in numbers)
    return Dataset(
        name="reviews",
        source=source.name,
        class_names=CLASS_NAMES,
        train=train,
        validation=validation,
        test=test,
        prepare=as_written,
    )


def as_written(inputs: Inputs) -> Inputs:
    """Return texts as they are: which tokens a model takes is the chapter's to say, with its encoder."""
    return inputs


def examples(given: Sequence[str]) -> Examples:
    """Return texts of the user's own."""
    return Examples(tuple(given), {ONLY: texts.array(given)})


def published_split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row numbers of train, validation and test: always the same, each in stored order."""
    from sklearn.model_selection import train_test_split

    rest, test = np.split(np.arange(len(labels)), [len(labels) - TEST])
    train, validation = train_test_split(rest, test_size=VALIDATION, stratify=labels[rest], random_state=SPLIT_SEED)
    return np.sort(train), np.sort(validation), test


def _require_both_classes(labels: np.ndarray, file: Path) -> None:
    good, bad = np.bincount(labels, minlength=2)
    if min(good, bad) < SMALLEST_CLASS:
        raise UserError(
            f"{file}: expected at least {SMALLEST_CLASS} reviews of each class, for a split into train, validation "
            f"and test; found {bad} dissatisfied and {good} satisfied; add rows and run the command again."
        )
