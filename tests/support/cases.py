"""The convolutional chapter in every architecture, which tests follow in detail, and its real inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.weights import initial


@dataclass(frozen=True)
class Case:
    """A chapter with hyperparameters that differ from its own, as typed text."""

    chapter: str
    settings: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "-".join([self.chapter, *(value for _, value in self.settings)])

    @property
    def config(self) -> Any:
        return chapters.get(self.chapter).configure(dict(self.settings))

    def but(self, **settings: str) -> "Case":
        return Case(self.chapter, tuple({**dict(self.settings), **settings}.items()))


CASES = [Case("mnist_cnn", (("architecture", name),)) for name in ("flatten", "bn_gap")]


@cache
def dataset(chapter: str) -> Dataset:
    return chapters.get(chapter).data()


def real_batch(chapter: str, size: int, number: int = 0) -> tuple[Inputs, np.ndarray]:
    """Return inputs (size, ...) by name, prepared as for training, and labels (size,), from the validation split."""
    data = dataset(chapter)
    chosen = data.validation.take(slice(number * size, (number + 1) * size))
    return data.prepare(chosen.inputs), chosen.labels


def real_images(chapter: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the only input of a batch, as a bare array, and its labels."""
    inputs, labels = real_batch(chapter, size)
    return inputs[ONLY], labels


def random_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = 7) -> dict[str, np.ndarray]:
    """Return kernels as a run starts with, and everything else away from 0 and 1, so that mix-ups show."""
    generator = np.random.default_rng(seed)
    weights = initial.draw(shapes, seed)
    for name, array in weights.items():
        if not name.endswith("kernel"):
            low = 0.5 if name.endswith(("gamma", "moving_variance")) else -0.5
            weights[name] = generator.uniform(low, low + 1.0, array.shape).astype(np.float32)
    return weights
