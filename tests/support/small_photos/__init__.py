"""Small sets of pictures for tensorflow-datasets, prepared by tests: mixed sizes, JPEG or PNG, two or three classes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

CLASSES = ("cat", "dog", "eel")


def picture(number: int, channels: int = 3) -> np.ndarray:
    """A smooth picture (height, width, channels) whose size and colour depend on its number."""
    height, width = 20 + number % 7, 18 + number % 11
    grid = np.add.outer(np.arange(height), np.arange(width))[..., np.newaxis]
    return ((grid * np.arange(1, channels + 1) + 5 * number) % 200).astype(np.uint8)


class _Pictures(tfds.core.GeneratorBasedBuilder):
    """Picture i has class i modulo 3; numbers go on from split to split."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS: Mapping[str, int] = {"train": 90}
    FORMAT, CHANNELS = "png", 3

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, self.CHANNELS), encoding_format=self.FORMAT),
            "label": tfds.features.ClassLabel(names=CLASSES),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator]:
        starts = dict(zip(self.SPLITS, np.cumsum([0, *self.SPLITS.values()]).tolist(), strict=False))
        return {split: self._generate_examples(starts[split], count) for split, count in self.SPLITS.items()}

    def _generate_examples(self, start: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for number in range(start, start + count):
            yield number, {"image": picture(number, self.CHANNELS), "label": number % len(CLASSES)}


class OneSplit(_Pictures):
    """As cats_vs_dogs: train only."""


class TwoSplits(_Pictures):
    """Train and test, grey."""

    SPLITS: Mapping[str, int] = {"train": 90, "test": 30}
    CHANNELS = 1


class ThreeSplits(_Pictures):
    """All three, JPEG."""

    SPLITS: Mapping[str, int] = {"train": 30, "validation": 12, "test": 15}
    FORMAT = "jpeg"


class FewPictures(_Pictures):
    """Too few of each class."""

    SPLITS: Mapping[str, int] = {"train": 30}


class HiddenLabels(_Pictures):
    """The test split has no labels, as that of a competition."""

    SPLITS: Mapping[str, int] = {"train": 60, "test": 30}

    def _generate_examples(self, start: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, example in super()._generate_examples(start, count):
            yield number, example | ({"label": -1} if start else {})


class NoTrain(_Pictures):
    """A test split only."""

    SPLITS: Mapping[str, int] = {"test": 30}


class NoLabel(_Pictures):
    """Pictures without classes."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"image": tfds.features.Image(shape=(None, None, 3), encoding_format="png")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, start: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for number in range(start, start + count):
            yield number, {"image": picture(number)}
