"""Seconds that batches cost per MNIST epoch: python -m tests.benchmarks.feeding"""

import statistics
import time

from twotrack.shared import chapters, datasets
from twotrack.shared.datasets.batches import TrainingBatches

REPEATS = 5


def seconds_per_epoch(batches: TrainingBatches, epoch: int) -> float:
    start = time.perf_counter()
    for _ in batches.epoch(epoch):
        pass
    return time.perf_counter() - start


def main() -> None:
    dataset = datasets.load("mnist", datasets.embedded_source("mnist"))
    batch_size = chapters.get("mnist_cnn").recipe("fast").batch_size
    batches = TrainingBatches(dataset, dataset.train, batch_size, seed=0, loss="cross_entropy")
    seconds = [seconds_per_epoch(batches, epoch) for epoch in range(REPEATS)]
    print(
        f"{len(batches)} batches of {batch_size}: median {statistics.median(seconds):.3f} s per epoch, "
        f"{min(seconds):.3f} to {max(seconds):.3f} s over {REPEATS} epochs"
    )


if __name__ == "__main__":
    main()
