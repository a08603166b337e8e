"""The shifts that a recipe asks for: uint8 to uint8 in NumPy, so that every track sees the same bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.spec.augmentation import Shift
from twotrack.shared.spec.inputs import ONLY, Inputs

Change = Callable[[Inputs, np.random.Generator], Inputs]


@dataclass(frozen=True)
class Shifted:
    """Stored pictures (batch, height, width) or (batch, height, width, channels), each moved as the spec says."""

    spec: Shift
    before: Change | None = None
    """What is done to them first."""

    def __call__(self, inputs: Inputs, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the only input, moved; the same for a generator in the same state."""
        pictures = (self.before(inputs, generator) if self.before else inputs)[ONLY]
        most = self.spec.pixels
        return {ONLY: shift(pictures, generator.integers(-most, most + 1, (len(pictures), 2)))}


def shift(pictures: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return pictures (batch, height, width, ...) moved by whole pixels (batch, 2): down, to the right.

    What enters is 0; what leaves is lost.
    """
    most = int(np.abs(moves).max(initial=0))
    margins = [(0, 0), (most, most), (most, most)] + [(0, 0)] * (pictures.ndim - 3)
    rows, columns = (most - moves[:, axis, None] + np.arange(pictures.shape[axis + 1]) for axis in (0, 1))
    return np.pad(pictures, margins)[np.arange(len(pictures))[:, None, None], rows[:, :, None], columns[:, None, :]]


def shifted(dataset: Dataset, spec: Shift | None) -> Dataset:
    """Return the data set whose stored pictures are moved where they are trained on, behind what is done already."""
    return replace(dataset, augment=Shifted(spec, dataset.augment)) if spec else dataset
