"""Batches as NumPy, in an order fixed by the seed: every track sees the same bytes.

Whole batches are gathered from the in-memory arrays by index. On 2 cores of an AMD EPYC an MNIST
epoch of 429 batches costs about 0.04 s this way, hashing included (python -m tests.benchmarks.feeding).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from zlib import crc32

import numpy as np
import xxhash

from twotrack.shared.datasets.spec import Dataset, Split, update
from twotrack.shared.spec.inputs import Inputs
from twotrack.shared.spec.losses import LossName, as_targets


@dataclass(frozen=True)
class Batch:
    """One batch of prepared model inputs (batch, ...) by name, channels last, and a target for each output."""

    inputs: Mapping[str, np.ndarray]
    targets: Sequence[np.ndarray]
    """In the form that the loss takes them; see shared/spec/losses.py."""


class Batches(Protocol):
    """What a stage of training is fed with."""

    def __len__(self) -> int:
        """Return the batches in an epoch."""

    def epoch(self, epoch: int, digest: xxhash.xxh3_128 | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch (0-based); add the bytes of each to `digest`."""


class TrainingBatches:
    """The training split in a new order each epoch; examples that do not fill a batch wait for the next.

    Whole batches only, so that compiled training steps see one shape.
    """

    def __init__(self, dataset: Dataset, split: Split, batch_size: int, seed: int, loss: LossName):
        self._dataset, self._split, self._loss = dataset, split, loss
        self._batch_size, self._seed = batch_size, seed

    def __len__(self) -> int:
        """Return the batches in an epoch."""
        return len(self._split) // self._batch_size

    def epoch(self, epoch: int, digest: xxhash.xxh3_128 | None = None, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch (0-based) from `first` on; add the bytes of each to `digest`."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._split))
        for number in range(first, len(self)):
            stored = self._split.take(order[number * self._batch_size : (number + 1) * self._batch_size])
            inputs = self._dataset.prepare(self._augmented(stored.inputs, epoch, number))
            if digest:
                update(digest, inputs if stored.seen is None else stored.seen, stored.labels)
            yield Batch(inputs, [as_targets(self._loss, stored.labels)])

    def _augmented(self, inputs: Inputs, epoch: int, number: int) -> Inputs:
        if self._dataset.augment is None:
            return inputs
        return self._dataset.augment(inputs, np.random.default_rng([self._seed, epoch, number, crc32(b"augment")]))


@dataclass(frozen=True)
class PartOfEpoch:
    """The batches of an epoch from `first` (0-based) up to, not including, `stop`."""

    whole: TrainingBatches
    first: int
    stop: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.stop - self.first

    def epoch(self, epoch: int, digest: xxhash.xxh3_128 | None = None) -> Iterator[Batch]:
        """Yield those of one epoch (0-based); add the bytes of each to `digest`."""
        return islice(self.whole.epoch(epoch, digest, self.first), len(self))
