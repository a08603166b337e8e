"""What a data set itself does to scores, as facts with counts: noticed once, said in table, JSON and report.

Rows in train and test, one input with two labels, columns that say nothing, a test split too small for the margin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xxhash

from twotrack.shared.datasets import texts
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.evaluation.statistics.intervals import over_examples

CONFIDENCE = 0.9
"""Of the interval that a verdict lays inside the margin."""
NAMED = 5
"""Constant features that are named; the rest are counted."""


@dataclass(frozen=True)
class DataNote:
    """One fact about a data set."""

    kind: Literal["test rows in training", "contradicting labels", "constant features", "small test split"]
    count: int
    """Examples or features that it is about."""
    total: int
    """Examples or features in all."""
    text: str
    """The fact in one sentence."""


def data_notes(dataset: Dataset, metric: str, margin: float, examples: int | None = None) -> tuple[DataNote, ...]:
    """Return what there is to say of the data, which was trained on the first `examples` of its training split.

    `metric` is one of shared/evaluation, `margin` within which two tracks are the same by it.
    """
    train = dataset.train.first(examples) if examples else dataset.train
    splits = (train, dataset.validation, dataset.test)
    hashes = [row_hashes(split) for split in splits]
    notes = (
        _repeated(hashes[0], hashes[2]),
        _contradicting(np.concatenate(hashes), np.concatenate([split.labels for split in splits])),
        _constant(dataset.feature_names, train),
        _small(dataset.test.labels, metric, margin),
    )
    return tuple(note for note in notes if note)


def row_hashes(split: Split) -> np.ndarray:
    """Return a hash of each example's stored inputs, (examples,) bytes; equal inputs have equal ones."""
    digests = [xxhash.xxh3_128() for _ in range(len(split))]
    for _, array in sorted(split.inputs.items()):
        for digest, row in zip(digests, _rows_as_bytes(array), strict=True):
            digest.update(row)
    return np.array([digest.digest() for digest in digests], "V16")


def _rows_as_bytes(array: np.ndarray) -> Iterator[bytes]:
    """Yield equal bytes for equal rows of stored inputs (examples, ...), a row at a time: photos fill no memory."""
    if texts.is_text(array):
        return (text.encode() for text in array.tolist())
    # Adding zero makes one number of 0.0 and -0.0, which have different bytes.
    return ((row + 0 if array.dtype.kind == "f" else row).tobytes() for row in array)


def _repeated(train: np.ndarray, test: np.ndarray) -> DataNote | None:
    count = int(np.isin(test, train).sum())
    if not count:
        return None
    text = f"{_of(count, len(test), 'test examples')} also stand in the training split, by their inputs"
    return DataNote("test rows in training", count, len(test), text)


def _contradicting(hashes: np.ndarray, labels: np.ndarray) -> DataNote | None:
    """Count the examples whose inputs some example of another class has."""
    _, group = np.unique(hashes, return_inverse=True)
    lowest, highest = np.full(len(labels), np.iinfo(np.int64).max), np.full(len(labels), -1)
    np.minimum.at(lowest, group, labels)
    np.maximum.at(highest, group, labels)
    count = int((lowest[group] != highest[group]).sum())
    if not count:
        return None
    text = f"{_of(count, len(labels), 'examples')} have the same inputs as an example of another class"
    return DataNote("contradicting labels", count, len(labels), text)


def _constant(names: Sequence[str], train: Split) -> DataNote | None:
    """Name the columns of a table (examples, features) that hold one value in the training split."""
    table = next((array for array in train.inputs.values() if array.ndim == 2 and array.shape[1] == len(names)), None)
    if table is None:
        return None
    constant = [name for name, column in zip(names, table.T, strict=True) if (column == column[0]).all()]
    if not constant:
        return None
    more = f" and {len(constant) - NAMED} more" if len(constant) > NAMED else ""
    text = (
        f"{len(constant)} of {len(names)} features hold one value in the training split: "
        f"{', '.join(constant[:NAMED])}{more}"
    )
    return DataNote("constant features", len(constant), len(names), text)


def _small(labels: np.ndarray, metric: str, margin: float) -> DataNote | None:
    """Say so if even two tracks without one different answer could differ by more than the margin elsewhere."""
    counts = np.bincount(labels)
    effective = len(labels) if metric == "accuracy" else effective_size(*counts[:2])
    bound = over_examples(np.zeros(effective), CONFIDENCE).high
    if bound < margin:
        return None
    worth = "" if metric == "accuracy" else f" ({counts[0]} and {counts[1]} of the classes)"
    scale, unit = (100, " points") if METRICS[metric].in_points else (1, f" {METRICS[metric].label}")
    text = (
        f"the test split has {len(labels):,} examples{worth}: tracks that agree on all of them may differ by "
        f"{scale * bound:.2g}{unit} on others (90 % interval), and the margin is {scale * margin:g}{unit}"
    )
    return DataNote("small test split", len(labels), len(labels), text)


def effective_size(negative: int, positive: int) -> int:
    """Return how many examples, half of each class, determine ROC AUC as well as these; at least 1."""
    return max(1, round(4 * negative * positive / (negative + positive)))


def _of(count: int, total: int, what: str) -> str:
    return f"{count:,} of {total:,} {what} ({count / total:.1%})"
