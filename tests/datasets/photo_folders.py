"""Folders of photos as a user has them: written, decoded, loaded, refused."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from twotrack.shared import datasets
from twotrack.shared.datasets import Source, photos
from twotrack.shared.datasets.files import CachedFile, DataFile
from twotrack.shared.datasets.photos import PhotosRequest
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError

COUNTS = {"bag": 20, "shirt": 30, "shoes": 40}
Change = Callable[[Path], object]


def colour(label: int, number: int) -> tuple[int, int, int]:
    """Of photo `number` of a class, so that class and photo can be read from its pixels."""
    return (60 * label, number, 200)


def write_photos(folder: Path, counts: Mapping[str, int] = COUNTS) -> Path:
    """Write one-coloured PNG files of mixed sizes."""
    for label, (name, count) in enumerate(sorted(counts.items())):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = Image.new("RGB", (5 + number % 3, 4 + number % 4), colour(label, number))
            image.save(folder / name / f"{number:03}.png")
    return folder


def convert(folder: Path, skip_broken: bool = False) -> CachedFile:
    return photos.convert(PhotosRequest(str(folder), skip_broken), lambda *_: None)


def load(cached: CachedFile) -> Dataset:
    file = DataFile(cached.path, cached.sha256, "decode it again")
    return datasets.load("shop", Source("images:products", file))


def refusal(folder: Path, skip_broken: bool = False) -> str:
    """Return the message for a folder that is refused."""
    with pytest.raises(UserError) as caught:
        convert(folder, skip_broken)
    return str(caught.value)
