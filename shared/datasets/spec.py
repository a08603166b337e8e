"""What a loaded data set is: three splits of NumPy arrays, and how a batch of them becomes model input."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xxhash

from twotrack.shared.datasets import texts
from twotrack.shared.datasets.preparation import Plain, Preparation
from twotrack.shared.spec.inputs import Inputs, each


def update(digest: xxhash.xxh3_128, inputs: Inputs, labels: np.ndarray) -> None:
    """Add the bytes of inputs, in the order of their names, and labels to a hash."""
    for _, array in sorted(inputs.items()):
        digest.update(texts.as_bytes(array) if texts.is_text(array) else np.ascontiguousarray(array).data)
    digest.update(np.ascontiguousarray(labels).data)


@dataclass(frozen=True)
class Split:
    """Examples of one split, as stored."""

    inputs: Inputs
    """(examples, ...) each, in the stored type, for example uint8 pixels."""
    labels: np.ndarray
    """(examples,) int32."""
    seen: Inputs | None = None
    """Where the inputs are features that a model computed: what it saw, which is the same in every track."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray | slice) -> "Split":
        """Return the examples at these rows."""
        seen = None if self.seen is None else each(lambda array: array[rows], self.seen)
        return Split(each(lambda array: array[rows], self.inputs), self.labels[rows], seen)

    def first(self, count: int) -> "Split":
        """Return the first `count` examples."""
        return self.take(slice(count))


@dataclass(frozen=True)
class Examples:
    """Examples of the user's own, without labels, as stored."""

    names: tuple[str, ...]
    """How each is called in an answer."""
    inputs: Inputs
    """(examples, ...) each, as in a split; of a table with all its features, `feature_names`."""
    feature_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed of each; empty if nothing."""


@dataclass(frozen=True)
class Dataset:
    """The three fixed splits of a data set."""

    name: str
    source: str
    """embedded, cdnow, stamps, tfds:NAME, csv:NAME or images:NAME."""
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    prepare: Callable[[Inputs], Inputs]
    """Stored inputs (batch, ...) to model inputs (batch, ...), channels last: float32, tokens int32, masks bool."""
    feature_names: tuple[str, ...] = ()
    """Of a table, one for each column of the stored inputs (examples, features); empty for images."""
    skipped: tuple[str, ...] = ()
    """Files of the source that were left out, each with the reason."""
    augment: Callable[[Inputs, np.random.Generator], Inputs] | None = None
    """Changes stored inputs (batch, ...) at random, before `prepare`, where they are trained on."""

    @property
    def preparation(self) -> Preparation:
        """`prepare`, with what it says to a client and to a reader."""
        return self.prepare if isinstance(self.prepare, Preparation) else Plain(self.prepare)

    def with_splits(self, change: Callable[[Split], Split]) -> "Dataset":
        """Return the same data set with its three splits changed."""
        return replace(self, train=change(self.train), validation=change(self.validation), test=change(self.test))

    @cached_property
    def fingerprint(self) -> str:
        """XXH3-128 of every array, so that two runs can be seen to have used the same data."""
        digest = xxhash.xxh3_128()
        for split in (self.train, self.validation, self.test):
            update(digest, split.inputs, split.labels)
        return digest.hexdigest()
