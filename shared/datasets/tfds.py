"""Image data sets of tensorflow-datasets, converted once to a cached file.

Those with MNIST's form become NumPy arrays; labelled pictures of any size become photos, as a user's own are
(shared/datasets/tfds_photos.py). Conversion runs in a helper process of its own, so that no track's memory or
import time carries it.
Parsing costs about 0.1 ms per example; later runs read the cached arrays.
"""

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from twotrack.shared.base.cache import cache_folder
from twotrack.shared.datasets import mnist
from twotrack.shared.datasets.files import CachedFile, sha256_of, write_arrays
from twotrack.shared.errors import UserError
from twotrack.shared.workers.task import Report, task

if TYPE_CHECKING:
    import tensorflow_datasets

CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class TfdsRequest:
    """A data set of tensorflow-datasets."""

    name: str
    folder: str | None
    """Where it is prepared; None for its own."""


@task
def convert(request: TfdsRequest, report: Report) -> CachedFile:
    """Write its arrays to the cache.

    Raises UserError if there is no such data set, it has another form, or it must be downloaded and cannot be.
    """
    builder = prepared(request, _require_form, report)
    path = cache_folder("tfds") / f"{cache_key(builder)}.npz"
    checksum = path.with_suffix(".sha256")
    if not (path.is_file() and checksum.is_file() and checksum.read_text() == sha256_of(path)):
        report("converting", {})
        checksum.write_text(write_arrays(path, _read(builder)))
    return CachedFile(path, checksum.read_text())


def prepared(
    request: TfdsRequest,
    require_form: Callable[["tensorflow_datasets.core.DatasetBuilder"], None],
    report: Report,
) -> "tensorflow_datasets.core.DatasetBuilder":
    """Return the data set, on disk; UserError as for `convert`."""
    report("starting", {})
    builder = _builder(request.name, request.folder)
    require_form(builder)
    if not builder.is_prepared():
        _require_reachable(builder)
        report("downloading", {})
        builder.download_and_prepare()
    return builder


def _builder(name: str, folder: str | None) -> "tensorflow_datasets.core.DatasetBuilder":
    os.environ.setdefault("NO_GCE_CHECK", "true")  # else the Google client waits for a metadata server
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            "--source tfds needs tensorflow-datasets; run: pip install -c constraints.txt -e '.[tfds]'"
        ) from error
    try:
        return tfds.builder(name, data_dir=folder)
    except (ValueError, AssertionError) as error:  # unknown names, names of a wrong form; unknown versions
        where = folder or "its own folder"
        raise UserError(f"tensorflow-datasets knows no data set '{name}', nor is one prepared in {where}.") from error


def _require_form(builder: "tensorflow_datasets.core.DatasetBuilder") -> None:
    """Require splits train and test of 28 x 28 grey images with ten classes."""
    name, features = builder.info.full_name, builder.info.features
    expected = (*mnist.IMAGE_SHAPE, 1)
    shape = features["image"].shape if "image" in features else None
    if shape != expected:
        raise UserError(
            f"{name}: expected a feature 'image' of shape {expected}, found {shape}; pick another data set."
        )
    classes = getattr(features["label"], "num_classes", None) if "label" in features else None
    if classes != len(mnist.CLASS_NAMES):
        raise UserError(f"{name}: expected a feature 'label' with 10 classes, found {classes}; pick another data set.")
    missing = {"train", "test"} - set(builder.info.splits) if builder.is_prepared() else set()
    if missing:
        raise UserError(f"{name}: expected splits train and test; {' and '.join(sorted(missing))} missing.")


def _require_reachable(builder: "tensorflow_datasets.core.DatasetBuilder") -> None:
    """Fail in seconds where tensorflow-datasets itself would retry for minutes."""
    hosts = {urlsplit(url).hostname for url in builder.url_infos} - {None}
    for host in sorted(hosts):
        try:
            socket.create_connection((host, 443), CONNECT_SECONDS).close()
        except OSError as error:
            raise UserError(
                f"{builder.info.full_name} is not prepared in {builder.data_dir} and its host {host} cannot be "
                f"reached ({error}); connect to the network, name a folder where it is prepared with --tfds-dir, "
                "or use --source embedded."
            ) from error


def cache_key(builder: "tensorflow_datasets.core.DatasetBuilder") -> str:
    """Name the conversion after the data set and the state of its files on disk."""
    files = sorted(file for file in Path(builder.data_dir).iterdir() if file.is_file())
    state = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{builder.info.full_name.replace('/', '-')}-{hashlib.sha256(repr(state).encode()).hexdigest()[:16]}"


def _read(builder: "tensorflow_datasets.core.DatasetBuilder") -> dict[str, np.ndarray]:
    arrays = {}
    for split in ("train", "test"):
        images, labels = _read_split(builder, split)
        arrays[f"{split}_images"] = images[..., 0]
        arrays[f"{split}_labels"] = labels.astype(np.uint8)
    return arrays


def _read_split(builder: "tensorflow_datasets.core.DatasetBuilder", split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (examples, height, width, channel 1) uint8 and labels (examples,), in stored order."""
    import tensorflow_datasets as tfds

    if builder.info.file_format in tfds.core.FileFormat.with_random_access():
        source = builder.as_data_source(split)
        examples = [source[number] for number in range(len(source))]
        return np.stack([example["image"] for example in examples]), np.array(
            [example["label"] for example in examples]
        )
    whole = tfds.as_numpy(builder.as_dataset(split, batch_size=-1, shuffle_files=False))
    return whole["image"], whole["label"]
