"""Photos, decoded once into one file of the user's cache: later runs and epochs read pixels and no JPEG.

The file holds three NumPy arrays behind each other: a header (JSON as uint8), labels (examples,) int32 and
images (examples, size, size, RGB 3) uint8, which are mapped into memory and never read as a whole.
Examples are in the order train, validation, test, each split shuffled once with a fixed seed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import PIL
from numpy.lib import format as npy

from twotrack.shared.base import atomic
from twotrack.shared.base.cache import cache_folder
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.datasets import photo
from twotrack.shared.datasets.files import CachedFile, DataFile, sha256_of
from twotrack.shared.datasets.photo_folder import printable
from twotrack.shared.datasets.spec import Split
from twotrack.shared.datasets.tabular import SPLIT_SEED
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.task import Report

SUFFIX = ".photos"
VERSION = 2
"""Of the file's form and of how photos are decoded; another one decodes anew."""
BATCH = 256
"""Photos that are decoded, and later copied, at a time."""
RGB = 3

Item = TypeVar("Item")


class Header(FrozenRecord):
    """What the file says of its images."""

    class_names: tuple[str, ...]
    splits: tuple[int, int, int]
    """Examples of train, validation and test."""
    skipped: tuple[str, ...]
    """Names of files that are no photos, each with the reason."""


@dataclass(frozen=True)
class Stored:
    """Photos as a data set takes them."""

    class_names: tuple[str, ...]
    splits: list[Split]
    """Train, validation and test: input (examples, size, size, RGB 3) uint8, mapped; labels (examples,) int32."""
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Photo:
    """One file to decode."""

    name: str
    label: int
    read: Callable[[int], np.ndarray]
    """Size to pixels (size, size, RGB 3) uint8, or BrokenPhotoError."""


@dataclass(frozen=True)
class Collection:
    """Photos in a fixed order, and how they are split."""

    where: str
    """Named in errors."""
    class_names: tuple[str, ...]
    photos: Iterable[Photo]
    total: int
    split: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
    """Labels (examples,) of the photos that could be decoded to rows of train, validation and test."""
    remedy: str
    """What a user does about files that are no photos, as an imperative phrase."""


def cache_key(*state: object) -> str:
    """Name a file after what it was made from and how."""
    return hashlib.sha256(repr((VERSION, photo.SIZE, PIL.__version__, state)).encode()).hexdigest()[:24]


def ensure(key: str, collection: Collection, skip_broken: bool, report: Report) -> CachedFile:
    """Return the decoded photos, decoding them unless that was done before.

    UserError with every broken file unless those are to be skipped, and if the cache cannot be written.
    """
    cache = cache_folder("photos")
    path, checksum = cache / f"{key}{SUFFIX}", cache / f"{key}.sha256"
    try:
        if not (path.is_file() and checksum.is_file() and checksum.read_text() == sha256_of(path)):
            cache.mkdir(parents=True, exist_ok=True)
            atomic.remove_abandoned(cache)
            with atomic.written(path) as unfinished:
                _write(unfinished, unfinished.with_name("decoded"), collection, skip_broken, report)
                digest = sha256_of(unfinished)
            atomic.write(checksum, digest)
        _require_whole(collection, _header(path).skipped, skip_broken)
    except OSError as error:
        raise UserError(
            f"cannot write decoded photos to {cache}: {error.strerror}; make room there, or set XDG_CACHE_HOME."
        ) from error
    return CachedFile(path, checksum.read_text())


def load(file: DataFile) -> Stored:
    """Return the photos, after their bytes were checked; UserError as for `DataFile.verify`."""
    file.verify()
    with file.path.open("rb") as stream:
        header, labels = Header.model_validate_json(npy.read_array(stream).tobytes()), npy.read_array(stream)
        npy.read_magic(stream)
        shape, _, dtype = npy.read_array_header_1_0(stream)
        images = np.memmap(file.path, dtype, "r", stream.tell(), shape).view(np.ndarray)
    cuts = np.cumsum(header.splits)[:-1]
    parts = zip(np.split(images, cuts), np.split(labels, cuts), strict=True)
    splits = [Split({ONLY: pixels}, classes) for pixels, classes in parts]
    return Stored(header.class_names, splits, header.skipped)


def _header(path: Path) -> Header:
    with path.open("rb") as stream:
        return Header.model_validate_json(npy.read_array(stream).tobytes())


def _write(path: Path, decoded: Path, collection: Collection, skip_broken: bool, report: Report) -> None:
    """Decode photos in their own order, then copy them in the order of the splits, which needs all labels."""
    with decoded.open("wb") as stream:
        labels, skipped = _decode(stream, collection, report)
    _require_whole(collection, skipped, skip_broken)
    report("sorting photos", {})
    splits = [np.random.default_rng(SPLIT_SEED).permutation(rows) for rows in collection.split(labels)]
    header = Header(class_names=collection.class_names, splits=tuple(map(len, splits)), skipped=skipped)
    shape = (len(labels), photo.SIZE, photo.SIZE, RGB)
    images, order = np.memmap(decoded, np.uint8, "r", shape=shape), np.concatenate(splits)
    with path.open("wb") as stream:
        npy.write_array(stream, np.frombuffer(header.model_dump_json().encode(), np.uint8))
        npy.write_array(stream, labels[order])
        npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for rows in _batches(order):
            stream.write(images[rows].data)


def _decode(stream: BinaryIO, collection: Collection, report: Report) -> tuple[np.ndarray, list[str]]:
    """Write the photos' pixels; return their labels (photos,) int32, and the files left out, each with its reason."""
    labels, skipped, done = [], [], 0
    workers = ThreadPoolExecutor(available_cores())  # Pillow decodes and resizes without the interpreter's lock
    try:
        for batch in _batches(collection.photos):
            for photograph, pixels in zip(batch, workers.map(_read, batch), strict=True):
                if isinstance(pixels, str):
                    skipped.append(f"{photograph.name}: {pixels}")
                else:
                    labels.append(photograph.label)
                    stream.write(pixels.data)
            done += len(batch)
            report("decoding photos", {"done": done, "total": collection.total})
    finally:
        workers.shutdown(cancel_futures=True)
    return np.array(labels, np.int32), skipped


def _read(photograph: Photo) -> np.ndarray | str:
    """Return the photo's pixels, or why there are none."""
    try:
        return np.ascontiguousarray(photograph.read(photo.SIZE))
    except photo.BrokenPhotoError as error:
        return printable(str(error))


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _require_whole(collection: Collection, skipped: Sequence[str], skip_broken: bool) -> None:
    if skipped and not skip_broken:
        listed = "".join(f"\n  {file}" for file in skipped)
        raise UserError(
            f"{collection.where}: expected {collection.total:,} photos, found {len(skipped):,} files that are none:"
            f"{listed}\n{collection.remedy}."
        )
