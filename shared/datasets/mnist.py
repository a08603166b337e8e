"""MNIST: 70,000 handwritten digits, 28 x 28 grey (LeCun, Cortes and Burges). Data card: docs/datasets/mnist.md.

Splits, stated here once: the last twelfth of the 60,000 training images, in stored order, is the
validation split (55,000 + 5,000); the 10,000 test images are the test split.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twotrack.shared.datasets.files import EMBEDDED_FOLDER, DataFile, Source
from twotrack.shared.datasets.pictures import Grey
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.spec.inputs import ONLY

if TYPE_CHECKING:
    from twotrack.shared.datasets.files import CachedFile
    from twotrack.shared.datasets.tfds import TfdsRequest
    from twotrack.shared.workers.task import Task

EMBEDDED = DataFile(
    EMBEDDED_FOLDER / "mnist.npz",
    sha256="39b9b1ffaa0ba4d8995a616551f0966941fe02a3fe79ba4a9db7373db16d53ad",
    restore="restore it with 'git checkout' or install twotrack again",
)
ORIGIN = "LeCun, Cortes and Burges; 60,000 + 10,000 digits, 28 x 28 grey"
LICENCE = "CC BY-SA 3.0"
SOURCES = ("tfds",)
TFDS_NAME = "mnist"
EXAMPLE = "a picture's file of one digit"
CLASS_NAMES = tuple("0123456789")
IMAGE_SHAPE = (28, 28)
VALIDATION_SHARE = 1 / 12

NORMALISE = Grey(mean=0.1307, std=0.3081)
"""Mean and deviation of the training pixels scaled to 0..1, rounded as everywhere in the literature."""


def tfds_task() -> "Task[TfdsRequest, CachedFile]":
    """Return what converts a data set of tensorflow-datasets."""
    from twotrack.shared.datasets.tfds import convert

    return convert


def read(source: Source) -> Dataset:
    """Read, check and split the images; UserError if the file is not the expected one."""
    return from_arrays(source.file.arrays(), source.name)


def examples(given: Sequence[str]) -> Examples:
    """Return pictures of digits of the user's own: (examples, 28, 28) uint8, light on dark as MNIST's are."""
    from twotrack.shared.datasets.digit import read_digit

    digits = [read_digit(Path(file)) for file in given]
    pixels = np.stack([digit.pixels for digit in digits])
    return Examples(tuple(given), {ONLY: pixels}, notes=tuple(digit.note for digit in digits))


def from_arrays(arrays: dict[str, np.ndarray], source: str) -> Dataset:
    """Split arrays train_images, train_labels, test_images and test_labels into a Dataset."""
    images, labels = arrays["train_images"], arrays["train_labels"].astype(np.int32)
    cut = len(labels) - round(len(labels) * VALIDATION_SHARE)
    return Dataset(
        name="mnist",
        source=source,
        class_names=CLASS_NAMES,
        train=Split({ONLY: images[:cut]}, labels[:cut]),
        validation=Split({ONLY: images[cut:]}, labels[cut:]),
        test=Split({ONLY: arrays["test_images"]}, arrays["test_labels"].astype(np.int32)),
        prepare=NORMALISE,
    )
