"""The batches that a training has seen, read again: their hash tells that a training which goes on sees the same."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import xxhash

from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.shifting import shifted
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.runs.training_state import Place
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.recipes import Recipe


def replay(
    digest: xxhash.xxh3_128,
    stages: Sequence[Recipe],
    dataset: Dataset,
    seed: int,
    loss: LossName,
    place: Place,
    epochs: int,
) -> None:
    """Add to the digest all batches up to a place; `epochs` are over, in all stages.

    A stage before that of the place is the first of two.
    """
    epochs_of = [epochs - place.epochs, place.epochs] if place.stage else [place.epochs]
    epoch = 0
    for recipe, count in zip(stages, epochs_of, strict=False):
        seen = _seen(dataset) if recipe.trained == "head" else shifted(dataset, recipe.shift)
        batches = TrainingBatches(seen, seen.train, recipe.batch_size, seed, loss)
        steps = recipe.steps(len(batches))
        for number in range(count):
            left = steps - number * len(batches)  # fewer than an epoch's, if the last one is not whole
            deque(islice(batches.epoch(epoch + number, digest), left), maxlen=0)
        epoch += count
    deque(islice(batches.epoch(epoch, digest), place.steps), maxlen=0)


def _seen(dataset: Dataset) -> Dataset:
    """Return what hashes as the data set of a head's stage does, without the outputs of its base."""
    nothing = {ONLY: np.zeros((len(dataset.train), 0), np.float32)}
    train = replace(dataset.train, inputs=nothing, seen=dataset.train.inputs)
    return replace(dataset, train=train, prepare=lambda inputs: inputs, augment=None)
