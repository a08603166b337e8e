"""--source tfds:NAME for labelled pictures of any size: decoded once like a user's own photos, splits kept or cut."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.builders import Builders, prepare_photos
from tests.support.command_line import twotrack
from twotrack.shared import datasets
from twotrack.shared.datasets import Source, tfds_photos
from twotrack.shared.datasets.files import DataFile
from twotrack.shared.datasets.photo import SIZE
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.datasets.tfds import TfdsRequest
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.workers.processes import Worker

CLASSES = ("cat", "dog", "eel")
GOOD = {"tfrecord": ["OneSplit"], "array_record": ["OneSplit", "TwoSplits", "ThreeSplits"]}
BAD = ["FewPictures", "HiddenLabels", "NoTrain", "NoLabel"]


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def prepared(converter: Worker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of prepared data sets by file format."""
    folders = {}
    for file_format, builders in GOOD.items():
        folders[file_format] = tmp_path_factory.mktemp(file_format)
        everything = builders + (BAD if file_format == "array_record" else [])
        converter.call(prepare_photos, Builders(everything, folders[file_format], file_format))
    return folders


def load(converter: Worker, folder: Path, name: str) -> Dataset:
    file = converter.call(tfds_photos.convert, TfdsRequest(name, str(folder)))
    return datasets.load("shop", Source(f"tfds:{name}", DataFile(file.path, file.sha256, "again")))


def picture(number: int, channels: int) -> np.ndarray:
    """What the builder's picture becomes, by another way than the code's: cut in NumPy, then resized."""
    height, width = 20 + number % 7, 18 + number % 11
    grid = np.add.outer(np.arange(height), np.arange(width))[..., np.newaxis]
    pixels = ((grid * np.arange(1, channels + 1) + 5 * number) % 200).astype(np.uint8)
    whole = Image.fromarray(np.broadcast_to(pixels, (height, width, 3)).copy())
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return np.asarray(whole.resize((SIZE, SIZE), Image.Resampling.BILINEAR, (left, top, left + side, top + side)))


def numbers(dataset: Dataset, split: str, of: dict[bytes, int]) -> list[int]:
    """The builder's numbers of a split's pictures; fails if a picture is none of them or has another class."""
    part = getattr(dataset, split)
    found = [of[image.tobytes()] for image in part.inputs[ONLY]]
    assert [number % 3 for number in found] == part.labels.tolist()
    return found


@pytest.mark.parametrize("file_format", GOOD)
def test_pictures_of_mixed_sizes_are_those_of_the_data_set_cut_and_resized(
    converter: Worker, prepared: dict[str, Path], file_format: str
):
    known = {picture(number, 3).tobytes(): number for number in range(90)}

    loaded = load(converter, prepared[file_format], "one_split")

    assert (loaded.name, loaded.source, loaded.class_names) == ("shop", "tfds:one_split", CLASSES)
    found = [numbers(loaded, split, known) for split in ("train", "validation", "test")]
    assert sorted(number for split in found for number in split) == list(range(90))
    assert [len(split) for split in found] == [62, 14, 14]


def test_a_published_test_split_stays_the_test_split_and_validation_is_cut_from_train(
    converter: Worker, prepared: dict[str, Path]
):
    known = {picture(number, 1).tobytes(): number for number in range(120)}

    loaded = load(converter, prepared["array_record"], "two_splits")

    assert sorted(numbers(loaded, "test", known)) == list(range(90, 120))
    train, validation = numbers(loaded, "train", known), numbers(loaded, "validation", known)
    assert sorted(train + validation) == list(range(90))
    assert len(validation) == 14  # 15 % of 90, rounded up
    assert np.bincount(loaded.validation.labels).tolist() in ([5, 5, 4], [5, 4, 5], [4, 5, 5])


def test_three_published_splits_are_kept(converter: Worker, prepared: dict[str, Path]):
    loaded = load(converter, prepared["array_record"], "three_splits")

    assert [len(split) for split in (loaded.train, loaded.validation, loaded.test)] == [30, 12, 15]
    # JPEG changes pixels a little, so each picture is told by the nearest one.
    known = np.stack([picture(number, 3) for number in range(57)]).astype(int)
    nearest = [int(np.abs(known - image).mean(axis=(1, 2, 3)).argmin()) for image in loaded.validation.inputs[ONLY]]
    assert sorted(nearest) == list(range(30, 42))
    assert [number % 3 for number in nearest] == loaded.validation.labels.tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("few_pictures", "expected at least 20 photos of each class, for a split into train, validation and test; fo"),
        ("hidden_labels", "expected a label of every picture, found some without; pick another data set."),
        ("no_train", "expected a split train, found test"),
        ("no_label", "expected a feature 'label' with two classes or more, found None; pick another data set."),
    ],
)
def test_a_data_set_of_another_form_is_refused(converter: Worker, prepared: dict[str, Path], name: str, expected: str):
    with pytest.raises(UserError) as caught:
        load(converter, prepared["array_record"], name)

    assert str(caught.value).startswith(f"{name}/1.0.0: {expected}")


def test_the_data_command_describes_the_pictures(prepared: dict[str, Path], tmp_path: Path):
    options = ("--source", "tfds:one_split", "--tfds-dir", prepared["array_record"], "--json")
    (found,) = twotrack("data", "shop", *options, folder=tmp_path).json()

    assert (found["origin"], found["licence"]) == ("tensorflow-datasets", "that of one_split")
    assert found["splits"]["train"] == {"cat": 20, "dog": 21, "eel": 21}
