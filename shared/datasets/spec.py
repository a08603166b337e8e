"""What a loaded data set is: three splits of NumPy arrays, and how a batch of them becomes model input."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xxhash


@dataclass(frozen=True)
class Split:
    """Examples of one split, as stored."""

    inputs: np.ndarray
    """(examples, ...) in the stored type, for example uint8 pixels."""
    labels: np.ndarray
    """(examples,) int32."""

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "Split":
        """Return the first `count` examples."""
        return Split(self.inputs[:count], self.labels[:count])


@dataclass(frozen=True)
class Dataset:
    """The three fixed splits of a data set."""

    name: str
    source: str
    """embedded, tfds:NAME or csv:NAME."""
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    prepare: Callable[[np.ndarray], np.ndarray]
    """Stored inputs (batch, ...) to model inputs (batch, ...) float32, channels last."""
    feature_names: tuple[str, ...] = ()
    """Of a table, one for each column of the stored inputs (examples, features); empty for images."""

    @cached_property
    def fingerprint(self) -> str:
        """XXH3-128 of every array, so that two runs can be seen to have used the same data."""
        digest = xxhash.xxh3_128()
        for split in (self.train, self.validation, self.test):
            digest.update(np.ascontiguousarray(split.inputs))
            digest.update(np.ascontiguousarray(split.labels))
        return digest.hexdigest()
