"""The worker task of tests/benchmarks/photos.py."""

import time
from dataclasses import dataclass, replace

from twotrack.shared import datasets
from twotrack.shared.datasets.augment import Augment
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.files import DataFile
from twotrack.shared.workers.environment import peak_resident_bytes
from twotrack.shared.workers.task import task

BATCH_SIZE = 32


@dataclass(frozen=True)
class Fed:
    load: float
    """Seconds, as the next two."""
    fingerprint: float
    batch: float
    peak: int
    """Bytes."""


@task
def feed(file: DataFile) -> Fed:
    """Load the photos as a run does, hash them and go through an epoch."""
    start = time.perf_counter()
    dataset = datasets.load("shop", datasets.Source("images:photos", file))
    loaded = time.perf_counter()
    dataset.fingerprint  # noqa: B018 - what a run record needs
    hashed = time.perf_counter()
    augmented = replace(dataset, augment=Augment())
    batches = TrainingBatches(augmented, augmented.train, BATCH_SIZE, 0)
    for _ in batches.epoch(0):
        pass
    epoch = time.perf_counter() - hashed
    return Fed(loaded - start, hashed - loaded, epoch / len(batches), peak_resident_bytes())
