"""The embedded products: five classes, balanced, each image once, as the data card says; and how they were drawn."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from twotrack.shared import datasets
from twotrack.shared.datasets import shop, shop_idx
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

SPLITS = ("train", "validation", "test")
DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/shop.md").read_text()
CLASSES = {
    "shirt": {"T-shirt/top", "Shirt"},
    "pants": {"Trouser"},
    "shoes": {"Sandal", "Sneaker", "Ankle boot"},
    "bag": {"Bag"},
    "other": {"Pullover", "Dress", "Coat"},
}
KINDS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""As the authors of Fashion-MNIST number them."""


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return datasets.load("shop", datasets.embedded_source("shop"))


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return shop.EMBEDDED.arrays()


def test_splits_are_balanced_and_have_the_stated_form(loaded: Dataset):
    assert loaded.class_names == tuple(CLASSES)
    for name, each in zip(SPLITS, (1000, 200, 400), strict=True):
        split = getattr(loaded, name)
        assert (split.inputs[ONLY].dtype, split.inputs[ONLY].shape) == (np.uint8, (5 * each, 28, 28))
        assert (split.labels.dtype, np.bincount(split.labels).tolist()) == (np.int32, [each] * 5)


def test_every_kind_belongs_to_the_class_of_the_data_card(loaded: Dataset, arrays: dict[str, np.ndarray]):
    assert tuple(kind for kind, _ in shop.KINDS) == KINDS
    for name in SPLITS:
        kinds = [KINDS[number] for number in arrays[f"{name}_kinds"]]
        for kind, label in zip(kinds, getattr(loaded, name).labels, strict=True):
            assert kind in CLASSES[loaded.class_names[label]]


def test_no_image_occurs_twice(loaded: Dataset):
    everything = np.concatenate([getattr(loaded, name).inputs[ONLY] for name in SPLITS])

    assert len({image.tobytes() for image in everything}) == len(everything) == 8000


def test_the_first_examples_of_a_split_are_of_all_classes(loaded: Dataset):
    assert set(loaded.train.first(50).labels) == set(range(5))


def test_the_file_is_small_and_the_same_in_every_version(loaded: Dataset):
    """Runs of two versions can be compared as long as this value stands; a change belongs into the changelog."""
    assert shop.EMBEDDED.path.stat().st_size < 6_000_000
    assert loaded.fingerprint == "15c7f2f666a03a6ebcdb42885ec447d0"


def test_prepared_products_are_what_the_network_takes(loaded: Dataset):
    found = loaded.prepare(loaded.test.first(2).inputs)[ONLY]

    assert (found.shape, found.dtype) == ((2, 160, 160, 3), np.float32)
    assert found.min() == -127 / 128


def test_the_data_card_states_checksums_and_counts(arrays: dict[str, np.ndarray]):
    for checksum in (shop.EMBEDDED.sha256, *(sha256 for _, sha256 in shop_idx.ORIGINALS.values())):
        assert DATA_CARD.count(checksum) == 1
    assert f"{shop.EMBEDDED.path.stat().st_size:,} bytes" in DATA_CARD
    counts = [np.bincount(arrays[f"{name}_kinds"]) for name in SPLITS]
    for number, (kind, class_name) in enumerate(shop.KINDS):
        figures = " | ".join(f"{count[number]:,}" for count in counts)
        assert f"| {number} | {kind} | {class_name} | {figures} |" in DATA_CARD


# === How the file was made ===


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four idx files like the real ones, whose image number is written into its first pixels."""
    known = {}
    for part, count in (("train", 13_000), ("test", 5_000)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
        kinds = (np.arange(count) % 10).astype(np.uint8)
        for what, array in (("images", images), ("kinds", kinds)):
            file_name, _ = shop_idx.ORIGINALS[f"{part}_{what}"]
            content = gzip.compress(bytes(4 + 4 * array.ndim) + array.tobytes(), 1)
            (tmp_path / file_name).write_bytes(content)
            known[f"{part}_{what}"] = (file_name, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(shop_idx, "ORIGINALS", known)
    return tmp_path


def test_images_are_drawn_with_their_kinds_in_equal_shares_without_overlap(originals: Path):
    found = shop_idx.subset(shop_idx.read_originals(originals))

    numbers = {}
    for name, each in zip(SPLITS, (1000, 200, 400), strict=True):
        images, kinds = found[f"{name}_images"], found[f"{name}_kinds"]
        numbers[name] = images[:, 0, 0].astype(int) * 256 + images[:, 0, 1]
        np.testing.assert_array_equal(numbers[name] % 10, kinds)
        assert (np.diff(numbers[name]) > 0).all()
        for members in CLASSES.values():
            counts = [int((kinds == KINDS.index(kind)).sum()) for kind in members]
            assert (sum(counts), max(counts) - min(counts) <= 1) == (each, True)
    assert set(numbers["train"]) & set(numbers["validation"]) == set()


def test_drawing_again_gives_the_same_images(originals: Path):
    first, second = (shop_idx.subset(shop_idx.read_originals(originals)) for _ in range(2))

    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_files_with_other_contents_are_refused(originals: Path):
    (originals / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"other"))

    with pytest.raises(UserError, match="take the four files of Debian's package dataset-fashion-mnist"):
        shop_idx.read_originals(originals)
