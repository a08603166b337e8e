"""Shop: 8,000 products in five classes, 28 x 28 grey, out of Fashion-MNIST. Data card: docs/datasets/shop.md.

Splits of the embedded file, per class: 1,000 train, 200 validation, 400 test. Photos of a user's own, and those of
tensorflow-datasets, are RGB and come through shared/datasets/photo_store.py, with the classes that they have. The
source `stamps` is 219 photos in six classes: shared/datasets/stamps.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twotrack.shared.datasets import stamps
from twotrack.shared.datasets.files import EMBEDDED_FOLDER, DataFile, Source
from twotrack.shared.datasets.spec import Dataset, Examples, Split
from twotrack.shared.spec.inputs import ONLY

if TYPE_CHECKING:
    from twotrack.shared.datasets.files import CachedFile
    from twotrack.shared.datasets.tfds import TfdsRequest
    from twotrack.shared.workers.task import Task

EMBEDDED = DataFile(
    EMBEDDED_FOLDER / "shop.npz",
    sha256="96fcf0451c28279a0f36398df06f0b0254914d38ef95d1fdefe5860fa67b28b9",
    restore="restore it with 'git checkout' or install twotrack again",
)
ORIGIN = "Fashion-MNIST (Zalando), taken from Debian's dataset-fashion-mnist; 8,000 of its images in five classes"
LICENCE = "MIT"
SOURCES = ("tfds", "images", stamps.NAME)
TFDS_NAME = None
EXAMPLE = "a photo's file"
CLASS_NAMES = ("shirt", "pants", "shoes", "bag", "other")
IMAGE_SHAPE = (28, 28)
KINDS = (
    ("T-shirt/top", "shirt"),
    ("Trouser", "pants"),
    ("Pullover", "other"),
    ("Dress", "other"),
    ("Coat", "other"),
    ("Sandal", "shoes"),
    ("Shirt", "shirt"),
    ("Sneaker", "shoes"),
    ("Bag", "bag"),
    ("Ankle boot", "shoes"),
)
"""Fashion-MNIST's ten kinds, by label, and the class that each belongs to."""
LABELS = np.array([CLASS_NAMES.index(grouped) for _, grouped in KINDS], np.int32)
"""(kinds 10,) label of each kind."""


def tfds_task() -> "Task[TfdsRequest, CachedFile]":
    """Return what converts a data set of tensorflow-datasets."""
    from twotrack.shared.datasets.tfds_photos import convert

    return convert


def read(source: Source) -> Dataset:
    """Read and check the products, or photos that were decoded before; UserError if the file is not the expected one.

    Inputs are stored as uint8: grey (examples, 28, 28), or photos (examples, height, width, RGB 3).
    """
    from twotrack.shared.datasets.photo_store import SUFFIX, Stored, load
    from twotrack.shared.datasets.pictures import EFFICIENTNET

    if source.file.path.suffix == SUFFIX:
        stored = load(source.file)
    elif source.name == stamps.NAME:
        stored = Stored(stamps.CLASS_NAMES, stamps.read_splits(source), skipped=())
    else:
        stored = Stored(CLASS_NAMES, _embedded(source.file.arrays()), skipped=())
    train, validation, test = stored.splits
    return Dataset(
        name="shop",
        source=source.name,
        class_names=stored.class_names,
        train=train,
        validation=validation,
        test=test,
        prepare=EFFICIENTNET,
        skipped=stored.skipped,
    )


def examples(given: Sequence[str]) -> Examples:
    """Return photos of the user's own: (examples, 160, 160, RGB 3) uint8."""
    from twotrack.shared.datasets.photo import read_photo

    return Examples(tuple(given), {ONLY: np.stack([read_photo(Path(file)) for file in given])})


def _embedded(arrays: dict[str, np.ndarray]) -> list[Split]:
    return [
        Split({ONLY: arrays[f"{split}_images"]}, LABELS[arrays[f"{split}_kinds"]])
        for split in ("train", "validation", "test")
    ]
