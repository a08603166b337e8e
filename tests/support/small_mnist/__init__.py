"""Small data sets for tensorflow-datasets, prepared by tests: MNIST's first digits, and some of another form."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from twotrack.shared import datasets
from twotrack.shared.spec.inputs import ONLY

TRAIN, TEST = 600, 200


class _Digits(tfds.core.GeneratorBasedBuilder):
    """The first images of MNIST's training and test splits."""

    VERSION = tfds.core.Version("3.0.1")
    SIDE = 28
    CLASSES = 10
    SPLITS: Mapping[str, int] = {"train": TRAIN, "test": TEST}

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(self.SIDE, self.SIDE, 1)),
            "label": tfds.features.ClassLabel(num_classes=self.CLASSES),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator]:
        return {split: self._generate_examples(split, count) for split, count in self.SPLITS.items()}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        digits = getattr(datasets.load("mnist", datasets.embedded_source("mnist")), split).first(count)
        for number, (image, label) in enumerate(zip(digits.inputs[ONLY], digits.labels, strict=True)):
            cut = np.ascontiguousarray(image[: self.SIDE, : self.SIDE, np.newaxis])
            yield number, {"image": cut, "label": int(label) % self.CLASSES}


class Mnist(_Digits):
    """Read back as tensorflow-datasets' own mnist."""


class SmallImages(_Digits):
    """Images of 20 x 20."""

    SIDE = 20


class TwoClasses(_Digits):
    """Labels 0 and 1 only."""

    CLASSES = 2


class TrainOnly(_Digits):
    """No test split."""

    SPLITS: Mapping[str, int] = {"train": 10}


class TextOnly(tfds.core.GeneratorBasedBuilder):
    """No images."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator]:
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, str]]]:
        yield 0, {"text": "no image"}
