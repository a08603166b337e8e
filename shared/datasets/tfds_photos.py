"""Labelled pictures of tensorflow-datasets, of any size, as photos: decoded once, like those of a user's own folder.

Splits: those that are published, test being the last of them if there are two. What is missing is cut from train,
stratified: 15 % for validation, and as much for test if there is none.
"""

import io
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from twotrack.shared.datasets import photo, tfds
from twotrack.shared.datasets.files import CachedFile
from twotrack.shared.datasets.photo_folder import require_enough
from twotrack.shared.datasets.photo_store import Collection, Photo, cache_key, ensure
from twotrack.shared.datasets.tabular import SPLIT_SEED, split_rows
from twotrack.shared.datasets.tfds import TfdsRequest
from twotrack.shared.errors import UserError
from twotrack.shared.workers.task import Report, task

if TYPE_CHECKING:
    import tensorflow_datasets

VALIDATION_SHARE = 0.15
PUBLISHED = (("train", "validation", "test"), ("train", "test"), ("train", "validation"), ("train",))
"""Splits that are taken, the first of these that a data set has."""


@task
def convert(request: TfdsRequest, report: Report) -> CachedFile:
    """Write its decoded pictures to the cache.

    Raises UserError as `tfds.convert` does, and for pictures that cannot be decoded.
    """
    builder = tfds.prepared(request, _require_form, report)
    collection = _collection(builder)
    return ensure(cache_key(tfds.cache_key(builder)), collection, False, report)


def _require_form(builder: "tensorflow_datasets.core.DatasetBuilder") -> None:
    """Require a feature 'image' with a picture, a feature 'label' with two classes or more, and a split train."""
    name, features = builder.info.full_name, builder.info.features
    shape = features["image"].shape if "image" in features else None
    if shape is None or len(shape) != 3:
        raise UserError(f"{name}: expected a feature 'image' with pictures, found {shape}; pick another data set.")
    classes = getattr(features["label"], "num_classes", None) if "label" in features else None
    if classes is None or classes < 2:
        raise UserError(
            f"{name}: expected a feature 'label' with two classes or more, found {classes}; pick another data set."
        )
    if builder.is_prepared() and "train" not in builder.info.splits:
        raise UserError(f"{name}: expected a split train, found {', '.join(builder.info.splits) or 'none'}.")


def _collection(builder: "tensorflow_datasets.core.DatasetBuilder") -> Collection:
    taken = next(names for names in PUBLISHED if set(names) <= set(builder.info.splits))
    counts = [builder.info.splits[name].num_examples for name in taken]
    class_names = tuple(builder.info.features["label"].names)
    return Collection(
        where=builder.info.full_name,
        class_names=class_names,
        photos=_photos(builder, taken),
        total=sum(counts),
        split=partial(_split, builder.info.full_name, class_names, counts),
        remedy="prepare the data set again, or pick another one",
    )


def _photos(builder: "tensorflow_datasets.core.DatasetBuilder", splits: tuple[str, ...]) -> Iterator[Photo]:
    for split in splits:
        for number, example in enumerate(_examples(builder, split)):
            yield Photo(f"{split} {number}", int(example["label"]), partial(_decode, example["image"]))


def _examples(builder: "tensorflow_datasets.core.DatasetBuilder", split: str) -> Iterator[Mapping[str, Any]]:
    """Yield examples in stored order, their pictures still packed."""
    import tensorflow_datasets

    packed = {"image": tensorflow_datasets.decode.SkipDecoding()}
    if builder.info.file_format in tensorflow_datasets.core.FileFormat.with_random_access():
        source = builder.as_data_source(split, decoders=packed)
        return (source[number] for number in range(len(source)))
    return iter(tensorflow_datasets.as_numpy(builder.as_dataset(split, shuffle_files=False, decoders=packed)))


def _decode(packed: bytes, size: int) -> np.ndarray:
    return photo.decode(io.BytesIO(packed), size)


def _split(
    where: str, class_names: tuple[str, ...], counts: list[int], labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of train, validation and test of pictures in the order of the published splits."""
    from sklearn.model_selection import train_test_split

    if labels.min() < 0:  # as competitions publish their test split
        raise UserError(f"{where}: expected a label of every picture, found some without; pick another data set.")
    parts = np.split(np.arange(len(labels)), np.cumsum(counts)[:-1])
    if len(parts) == 3:
        train, validation, test = parts
        return train, validation, test
    require_enough(where, class_names, labels[parts[0]])
    if len(parts) == 1:
        return split_rows(labels)
    train, validation = train_test_split(
        parts[0], test_size=VALIDATION_SHARE, stratify=labels[parts[0]], random_state=SPLIT_SEED
    )
    return train, validation, parts[1]
