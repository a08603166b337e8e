"""The embedded photos of Tux Paint's stamps: splits as the data card says, no photo or subject in two of them."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import in_process
from twotrack.shared import datasets
from twotrack.shared.datasets import stamps, stamps_png
from twotrack.shared.datasets.files import DataFile, Source
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY

DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/stamps.md").read_text()
COUNTS = {"train": [18, 33, 13, 9, 12, 25], "validation": [3, 7, 3, 2, 2, 5], "test": [14, 26, 10, 7, 10, 20]}


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return datasets.load("shop", datasets.carried_source("shop", "stamps"))


@pytest.fixture(scope="module")
def names() -> dict[str, np.ndarray]:
    return stamps.read_names(stamps.source())


def small(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (photos, 16 * 16 * RGB 3), each of mean 0 and length 1: their products are correlations."""
    blocks = pictures.reshape(len(pictures), 16, 8, 16, 8, 3).mean(axis=(2, 4)).reshape(len(pictures), -1)
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def test_the_splits_have_the_stated_form_and_counts(loaded: Dataset):
    assert (loaded.name, loaded.source, loaded.class_names) == ("shop", "stamps", stamps.CLASS_NAMES)
    for name, counts in COUNTS.items():
        split = getattr(loaded, name)
        assert (split.inputs[ONLY].dtype, split.inputs[ONLY].shape) == (np.uint8, (sum(counts), 128, 128, 3))
        assert np.bincount(split.labels).tolist() == counts
        assert f"| {name} | {sum(counts)} | {' | '.join(map(str, counts))} |" in DATA_CARD


def test_a_label_is_the_folder_in_which_the_package_has_the_photo(loaded: Dataset, names: dict[str, np.ndarray]):
    for split, of_split in names.items():
        for name, label in zip(of_split, getattr(loaded, split).labels, strict=True):
            assert name.startswith(stamps_png.FOLDERS[label])


def test_no_subject_is_in_two_splits(names: dict[str, np.ndarray]):
    """By the first word of the file's name, such as the lions lion and lion-2."""
    splits: dict[tuple[str, str], set[str]] = {}
    for split, of_split in names.items():
        for name in of_split:
            splits.setdefault((name.split("/")[0], stamps_png.subject(Path(name))), set()).add(split)

    assert {subject: found for subject, found in splits.items() if len(found) > 1} == {}


def test_no_photo_of_the_test_split_is_nearly_one_of_the_others_mirrored_or_not(loaded: Dataset):
    test, others = (
        loaded.test.inputs[ONLY],
        np.concatenate([loaded.train.inputs[ONLY], loaded.validation.inputs[ONLY]]),
    )
    correlations = np.maximum(small(test) @ small(others).T, small(test[:, :, ::-1]) @ small(others).T)

    copy = small(np.roll(others[:1], 1, axis=2)) @ small(others[:1]).T
    assert copy > 0.95 > correlations.max()


def test_the_card_names_origin_licence_and_checksum():
    for fact in (stamps.LICENCE, stamps.EMBEDDED.sha256, "tuxpaint-stamps-default", "2022.06.04-1"):
        assert fact in DATA_CARD
    assert "GNU GENERAL PUBLIC LICENSE" in stamps.EMBEDDED.path.with_suffix(".LICENSE").read_text()


def test_a_damaged_file_is_refused(tmp_path: Path):
    damaged = bytearray(stamps.EMBEDDED.path.read_bytes())
    damaged[1000] ^= 1
    (tmp_path / "stamps.npz").write_bytes(damaged)

    with pytest.raises(UserError, match=r"corrupted: expected SHA-256 .* install twotrack again"):
        stamps.read_splits(
            Source("stamps", DataFile(tmp_path / "stamps.npz", stamps.EMBEDDED.sha256, stamps.EMBEDDED.restore))
        )


def test_photos_of_one_subject_stay_together_and_every_class_gets_its_shares():
    photos = [Path(f"animals/{name}.png") for name in ("lion", "lion-2", "lion_old", *map(chr, range(97, 114)))]

    shared = stamps_png.split(photos, np.random.default_rng(0))

    assert {name: len(of_split) for name, of_split in shared.items()} == {"train": 10, "validation": 2, "test": 8}
    assert Counter(photo for of_split in shared.values() for photo in of_split) == Counter(photos)
    lions = [{photo for photo in of_split if "lion" in photo.stem} for of_split in shared.values()]
    assert sorted(map(len, lions)) == [0, 0, 3]


def test_drawings_and_mirrored_pictures_are_no_photos(tmp_path: Path):
    for name in ("food/fruit/pear", "food/fruit/pear_mirror", "food/fruit/cartoon/fig", "animals/mammals/hedgehog"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (20, 20)).save(tmp_path / f"{name}.png")

    assert [photo.as_posix() for photos in stamps_png.listed(tmp_path) for photo in photos] == ["food/fruit/pear.png"]


def test_other_photos_than_the_packages_are_refused(tmp_path: Path):
    (tmp_path / "food/fruit").mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(tmp_path / "food/fruit/pear.png")
    digest = hashlib.sha256(b"food/fruit/pear.png" + (tmp_path / "food/fruit/pear.png").read_bytes()).hexdigest()

    with pytest.raises(UserError, match=f"expected the photos of tuxpaint-stamps-default .* found {digest}"):
        stamps_png.arrays(tmp_path)


def test_the_command_says_where_the_photos_come_from(tmp_path: Path):
    (found,) = in_process("data", "shop", "--source", "stamps", "--json", folder=tmp_path).json()

    assert (found["source"], found["origin"], found["licence"]) == ("stamps", stamps.ORIGIN, stamps.LICENCE)


def test_a_photo_of_ones_own_can_be_asked_about(tmp_path: Path):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 20), (10, 200, 30)).save(photo)
    datasets.require_examples("shop", stamps.source(), [str(photo)])

    asked = datasets.examples("shop", [str(photo)])

    assert (asked.inputs[ONLY][0] == (10, 200, 30)).all()
