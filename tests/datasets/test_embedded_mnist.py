"""The embedded file is MNIST: byte for byte the four original files, split as stated."""

import hashlib
import struct

import numpy as np
import pytest

from twotrack.shared import datasets
from twotrack.shared.datasets import mnist, mnist_idx
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.spec.inputs import ONLY

# Counts of the digits 0 to 9, from the original distribution's label files.
TRAINING_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return datasets.load("mnist", datasets.embedded_source("mnist"))


@pytest.fixture(scope="module")
def training_images(loaded: Dataset) -> np.ndarray:
    return np.concatenate([loaded.train.inputs[ONLY], loaded.validation.inputs[ONLY]])


@pytest.fixture(scope="module")
def training_labels(loaded: Dataset) -> np.ndarray:
    return np.concatenate([loaded.train.labels, loaded.validation.labels])


def original_file(array: np.ndarray) -> bytes:
    """Return unsigned bytes as an idx file: magic number 8 (type) and the number of axes, the sizes, the data."""
    header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_splits_have_the_stated_sizes_and_types(loaded: Dataset):
    sizes = {name: getattr(loaded, name).inputs[ONLY].shape for name in ("train", "validation", "test")}

    assert sizes == {"train": (55_000, 28, 28), "validation": (5_000, 28, 28), "test": (10_000, 28, 28)}
    for split in (loaded.train, loaded.validation, loaded.test):
        assert (split.inputs[ONLY].dtype, split.labels.dtype, len(split.labels)) == (np.uint8, np.int32, len(split))


def test_train_and_validation_in_order_are_the_original_training_files(
    training_images: np.ndarray, training_labels: np.ndarray
):
    """Which also shows that the two splits overlap nowhere and leave nothing out."""
    hashes = [hashlib.sha256(original_file(array)).hexdigest() for array in (training_images, training_labels)]

    assert hashes == [mnist_idx.ORIGINALS["train_images"][1], mnist_idx.ORIGINALS["train_labels"][1]]


def test_the_test_split_is_the_original_test_files(loaded: Dataset):
    arrays = (loaded.test.inputs[ONLY], loaded.test.labels)
    hashes = [hashlib.sha256(original_file(array)).hexdigest() for array in arrays]

    assert hashes == [mnist_idx.ORIGINALS["test_images"][1], mnist_idx.ORIGINALS["test_labels"][1]]


def test_class_counts_are_the_published_ones(loaded: Dataset, training_labels: np.ndarray):
    assert np.bincount(training_labels).tolist() == TRAINING_COUNTS
    assert np.bincount(loaded.test.labels).tolist() == TEST_COUNTS


def test_pixel_mean_and_deviation_are_those_of_the_training_images(training_images: np.ndarray):
    scaled = training_images.astype(np.float64) / 255

    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (mnist.NORMALISE.mean, mnist.NORMALISE.std)


def test_the_file_is_at_most_12_megabytes():
    assert mnist.EMBEDDED.path.stat().st_size <= 12e6


def test_normalise_standardises_to_float32_with_a_channel_axis(loaded: Dataset):
    images = loaded.train.inputs[ONLY][:100]

    prepared = mnist.NORMALISE.normalise(images)

    exact = (images.astype(np.float64) / 255 - 0.1307) / 0.3081
    assert (prepared.shape, prepared.dtype) == ((100, 28, 28, 1), np.float32)
    np.testing.assert_allclose(prepared[..., 0], exact, rtol=0, atol=5e-7)


def test_normalise_leaves_the_stored_images_as_they_are(loaded: Dataset):
    images = loaded.train.inputs[ONLY][:10].copy()

    mnist.NORMALISE.normalise(images)

    np.testing.assert_array_equal(images, loaded.train.inputs[ONLY][:10])


def test_the_fingerprint_changes_with_one_pixel_and_with_one_label(loaded: Dataset):
    arrays = mnist.EMBEDDED.arrays()
    original = mnist.from_arrays(arrays, "embedded").fingerprint
    arrays["test_labels"][-1] += 1
    other_label = mnist.from_arrays(arrays, "embedded").fingerprint
    arrays["train_images"][0, 0, 0] += 1
    other_pixel = mnist.from_arrays(arrays, "embedded").fingerprint

    assert original == loaded.fingerprint
    assert len({original, other_label, other_pixel}) == 3
