"""Stamps: 219 photos of Tux Paint's stamps in six classes, 128 x 128 RGB. Data card: docs/datasets/stamps.md.

Few photos, each of another subject: what a pretrained network is for. They come under a source of their own of the data
set `shop`, whose chapter learns any pictures. How the file was made: stamps_png.py.
"""

import numpy as np

from twotrack.shared.datasets.files import EMBEDDED_FOLDER, DataFile, Source
from twotrack.shared.datasets.spec import Split
from twotrack.shared.spec.inputs import ONLY

NAME = "stamps"
ORIGIN = "photos among the stamps of Tux Paint, from Debian's tuxpaint-stamps-default 2022.06.04-1; cut to 128 x 128"
LICENCE = "GPL-2.0-only"
EMBEDDED = DataFile(
    EMBEDDED_FOLDER / "stamps.npz",
    sha256="c2d359ec1c6412e9483009628b3c4d6bc1ec721209556d347494d9029e4ce898",
    restore="restore it with 'git checkout' or install twotrack again",
)
CLASS_NAMES = ("bird", "mammal", "fruit", "vegetable", "flower", "object")
SIZE = 128
"""Pixels of a side; few of the originals are larger."""
SPLITS = ("train", "validation", "test")
IMAGES, LABELS, NAMES = "images", "labels", "names"
"""Of a split: uint8 (photos, 128, 128, RGB 3), int32 (photos,), and each file in the package's folder of stamps."""
EXAMPLES_CAN_BE_TYPED = True
"""As photos of one's own."""


def source() -> Source:
    """Return the photos as a source."""
    return Source(NAME, EMBEDDED)


def read_splits(source: Source) -> list[Split]:
    """Return train, validation and test; UserError if the file is not the expected one."""
    arrays = source.file.arrays()
    return [Split({ONLY: arrays[f"{split}_{IMAGES}"]}, arrays[f"{split}_{LABELS}"]) for split in SPLITS]


def read_names(source: Source) -> dict[str, np.ndarray]:
    """Return for each split which stamp each photo is, (photos,) of text; UserError as for `read_splits`."""
    arrays = source.file.arrays()
    return {split: arrays[f"{split}_{NAMES}"] for split in SPLITS}
