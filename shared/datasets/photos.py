"""A folder of a user's own photos as a data set: found, decoded once and split as any table is.

Decoding runs in a helper process of its own, as that of tensorflow-datasets does.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from twotrack.shared.datasets import photo
from twotrack.shared.datasets.files import CachedFile
from twotrack.shared.datasets.photo_folder import Listing, find, printable, require_enough
from twotrack.shared.datasets.photo_store import Collection, Photo, cache_key, ensure
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.workers.task import Report, task


@dataclass(frozen=True)
class PhotosRequest:
    """A user's own photos."""

    folder: str
    skip_broken: bool
    """Leave out files that are no photos."""


@task
def convert(request: PhotosRequest, report: Report) -> CachedFile:
    """Write the decoded photos to the cache.

    Raises UserError for all that `photo_folder.find` and `photo_store.ensure` refuse.
    """
    report("listing photos", {})
    listing = find(Path(request.folder))
    report("comparing photos with those of before", {})
    key = cache_key(listing.class_names, listing.content())
    return ensure(key, _collection(request.folder, listing), request.skip_broken, report)


def _collection(where: str, listing: Listing) -> Collection:
    return Collection(
        where=where,
        class_names=listing.class_names,
        photos=(
            Photo(printable(file), int(label), partial(photo.read, listing.root / file))
            for file, label in zip(listing.files, listing.labels, strict=True)
        ),
        total=len(listing.files),
        split=partial(_split, where, listing.class_names),
        remedy="remove or replace them, or leave them out with --skip-broken",
    )


def _split(where: str, class_names: tuple[str, ...], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    require_enough(where, class_names, labels)
    return split_rows(labels)
