"""--images FOLDER: one's own photos, decoded once and whole or not at all; what is no photo is named, or left out."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.photo_folders import COUNTS, Change, colour, convert, load, refusal, write_photos
from tests.support.command_line import twotrack
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.datasets import photo
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.tabular import split_rows
from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import TrainingRequest, find_source, plan
from twotrack.shared.runs.records import Job
from twotrack.shared.spec.inputs import ONLY

pytestmark = pytest.mark.usefixtures("own_cache")
SPLITS = ("train", "validation", "test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "products")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "twotrack" / "photos"


# === What a folder becomes ===


def test_every_photo_is_in_one_split_with_the_class_of_its_folder(folder: Path):
    loaded = load(convert(folder))

    assert (loaded.name, loaded.source, loaded.class_names) == ("shop", "images:products", ("bag", "shirt", "shoes"))
    seen = []
    for split in (getattr(loaded, name) for name in SPLITS):
        pixels = split.inputs[ONLY]
        assert (pixels.dtype, pixels.shape) == (np.uint8, (len(split), photo.SIZE, photo.SIZE, 3))
        assert split.labels.dtype == np.int32
        assert (pixels == pixels[:, :1, :1]).all()
        seen += [tuple(colours) for colours in pixels[:, 0, 0].tolist()]
        assert [60 * label for label in split.labels] == pixels[:, 0, 0, 0].tolist()
    expected = [colour(label, number) for label, count in enumerate(COUNTS.values()) for number in range(count)]
    assert sorted(seen) == sorted(expected)


def test_splits_are_those_of_a_table_with_the_same_labels_shuffled(folder: Path):
    loaded = load(convert(folder))

    labels = np.repeat(np.arange(3), list(COUNTS.values()))
    names = [(label, number) for label, count in enumerate(COUNTS.values()) for number in range(count)]
    for split, rows in zip((loaded.train, loaded.validation, loaded.test), split_rows(labels), strict=True):
        found = [(red // 60, green) for red, green, _ in split.inputs[ONLY][:, 0, 0].tolist()]
        assert sorted(found) == [names[row] for row in rows]
        assert found != sorted(found)
    # Whoever trains on the first examples only gets all classes.
    assert set(loaded.train.first(20).labels) == {0, 1, 2}


def test_photos_stay_in_the_file_until_a_batch_is_taken(folder: Path):
    loaded = load(convert(folder))

    for split in (loaded.train, loaded.train.first(9), loaded.train.take(slice(5, 40)), loaded.test):
        owner = split.inputs[ONLY]
        while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
            owner = owner.base
        assert isinstance(owner, np.memmap)
        assert not split.inputs[ONLY].flags.writeable
    assert not np.shares_memory(loaded.train.take(np.array([3, 1])).inputs[ONLY], loaded.train.inputs[ONLY])


def test_batches_are_prepared_from_the_photos(folder: Path):
    loaded = load(convert(folder))

    for batch in TrainingBatches(loaded, loaded.train, 8, seed=0, loss="cross_entropy").epoch(0):
        assert batch.inputs[ONLY].shape == (8, loaded.prepare.size, loaded.prepare.size, 3)
        np.testing.assert_array_equal(batch.inputs[ONLY][:, 0, 0, 0], (60 * batch.targets[0] - 127) / np.float32(128))


def test_deeper_folders_belong_to_their_class_and_what_systems_leave_behind_is_ignored(folder: Path):
    before = load(convert(folder))
    (folder / "bag" / "2024").mkdir()
    (folder / "bag" / "007.png").rename(folder / "bag" / "2024" / "007.png")
    for name in (".DS_Store", "bag/.DS_Store", "shirt/Thumbs.db", "shirt/._001.png", "shoes/desktop.ini", "notes.txt"):
        (folder / name).write_bytes(b"x")
    for name in (".thumbnails", "__MACOSX", "bag/.cache"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(b"x")

    after = load(convert(folder))

    assert after.class_names == before.class_names
    assert sum(len(getattr(after, name)) for name in SPLITS) == 90


def test_a_link_to_a_photo_in_the_folder_is_a_photo(folder: Path):
    (folder / "bag" / "linked.png").symlink_to(folder / "bag" / "000.png")

    loaded = load(convert(folder))

    assert sum(np.bincount(getattr(loaded, name).labels) for name in SPLITS).tolist() == [21, 30, 40]


# === What is refused ===


def spoil(folder: Path) -> None:
    (folder / "bag" / "empty.jpg").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(folder / "shirt" / "cut.png")
    os.truncate(folder / "shirt" / "cut.png", 2000)
    (folder / "shirt" / "notes.txt").write_text("not a photo")
    (folder / "shoes" / "gone.png").symlink_to(folder / "shoes" / "absent.png")
    (folder / "shoes" / "a\n\x1b[31m.png").write_text("x")
    os.mkfifo(folder / "shoes" / "pipe.png")


LISTED = (
    "\n  bag/empty.jpg: an empty file",
    "\n  shirt/cut.png: damaged: ",
    "\n  shirt/notes.txt: no JPEG, PNG or WebP picture",
    "\n  shoes/gone.png: No such file or directory",
    "\n  shoes/a??[31m.png: no JPEG, PNG or WebP picture",
    "\n  shoes/pipe.png: a folder or a device, not a file",
)


def test_all_files_that_are_no_photos_are_listed_in_one_error_and_nothing_is_stored(folder: Path, empty_cache: Path):
    spoil(folder)

    message = refusal(folder)

    assert message.startswith(f"{folder}: expected 96 photos, found 6 files that are none:")
    assert [one for one in LISTED if one not in message] == []
    assert message.endswith("\nremove or replace them, or leave them out with --skip-broken.")
    assert list(empty_cache.iterdir()) == []


def test_they_are_left_out_and_named_if_that_is_asked_for_and_refused_again_if_not(folder: Path):
    whole = load(convert(folder))
    spoil(folder)

    loaded = load(convert(folder, skip_broken=True))

    assert [one for one in LISTED if not any(f"\n  {name}".startswith(one) for name in loaded.skipped)] == []
    assert loaded.fingerprint == whole.fingerprint
    assert "found 6 files that are none" in refusal(folder)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, "expected two sub-folders or more, one per class, with its photos inside; found none."),
        ({"bag": 30}, "expected two sub-folders or more, one per class, with its photos inside; found only 'bag'."),
        ({"bag": 30, "shirt": 0}, "expected at least 20 photos of each class, for a split into train, validation and"),
        ({"bag": 19, "shirt": 0, "shoes": 20}, "and test; found 19 of 'bag', 0 of 'shirt'; add photos, or remove the"),
    ],
    ids=["no class", "one class", "an empty class", "too few"],
)
def test_too_few_classes_or_photos_are_refused(tmp_path: Path, counts: dict[str, int], expected: str):
    (tmp_path / "few").mkdir()

    message = refusal(write_photos(tmp_path / "few", counts))

    assert message.startswith(f"{tmp_path}/few: ")
    assert expected in message


def test_photos_that_are_too_few_without_the_broken_ones_are_refused(folder: Path):
    (folder / "bag" / "000.png").write_bytes(b"")

    assert "found 19 of 'bag'; add photos" in refusal(folder, skip_broken=True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_text("x"), "it is no folder"),
        (lambda path: path.symlink_to(path), "Symlink loop from"),
    ],
    ids=["missing", "a file", "a loop"],
)
def test_what_is_no_folder_is_refused(tmp_path: Path, make: Change, reason: str):
    make(tmp_path / "odd")

    assert f"cannot read {tmp_path}/odd: {reason}" in refusal(tmp_path / "odd")


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("bag/passwords.png", "/etc/passwd"),
        ("bag/up.png", "../../elsewhere/000.png"),
        ("bag/missing.png", "/no/such/file"),
        ("bag/more", "../../elsewhere"),
        ("bag/inside", "../shirt"),
        ("boots", "../elsewhere"),
    ],
)
def test_links_that_lead_out_of_the_folder_are_refused_even_if_broken_files_are_skipped(
    folder: Path, name: str, target: str
):
    write_photos(folder.parent / "elsewhere", {"": 20})
    (folder / name).symlink_to(target)

    message = refusal(folder, skip_broken=True)

    assert message.startswith(f"{folder}: expected photos; found links that lead out of the folder, or to a folder:")
    assert f"\n  {name}\n" in message


def test_a_folder_that_is_itself_a_link_may_be_named(folder: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(folder)

    assert convert(tmp_path / "link") == convert(folder)


# === On the command line ===


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "tfds:pets"}, "--images and --source tfds:pets both name the data; give one of them."),
        ({"data": Path("a.csv")}, "--images and --data both name the data; give one of them."),
        ({"images": None, "skip_broken": True}, "--skip-broken leaves out files of a folder of photos; name one with"),
        ({"dataset": "mnist"}, "data set 'mnist' takes no folder of photos; these do: shop; for 'mnist' use --source"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder: Path, options: dict, message: str):
    given = {"dataset": "shop", "source": "embedded", "tfds_folder": None, "images": folder} | options

    with pytest.raises(UserError) as caught:
        find_source(**given)

    assert str(caught.value).startswith(message)


def test_a_planned_job_carries_the_photos_to_the_worker(folder: Path, monkeypatch: pytest.MonkeyPatch):
    about_photos = replace(CHAPTERS["mnist_cnn"], dataset="shop")
    monkeypatch.setitem(CHAPTERS, "mnist_cnn", about_photos)

    (job,) = plan(TrainingRequest("mnist_cnn", ("torch",), images=folder), lambda *_: folder / "run")

    received = Job.model_validate_json(job.model_dump_json())
    assert received.source.name == "images:products"
    assert received.source.file.restore == f"decode the photos again with 'twotrack data shop --images {folder}'"
    assert about_photos.data(received.source).fingerprint == load(convert(folder)).fingerprint


def test_the_data_command_shows_classes_splits_and_what_was_left_out(folder: Path, tmp_path: Path):
    (folder / "bag" / "empty.jpg").write_bytes(b"")
    options = ("--images", "products", "--skip-broken")

    done = twotrack("data", "shop", *options, folder=tmp_path)
    (found,) = twotrack("data", "shop", *options, "--json", folder=tmp_path).json()

    assert (found["source"], found["origin"], found["licence"]) == ("images:products", "photos of your own", "yours")
    assert found["splits"]["train"] == {"bag": 14, "shirt": 21, "shoes": 27}
    assert found["skipped"] == ["bag/empty.jpg: an empty file"]
    assert "train          62 examples  bag:14 shirt:21 shoes:27" in done.stdout
    assert "left out   bag/empty.jpg: an empty file" in done.stdout
    assert done.stderr.splitlines() == [
        "listing photos",
        "comparing photos with those of before",
        "decoding photos",
        "sorting photos",
    ]


def test_photos_without_a_data_set_are_refused(tmp_path: Path):
    done = twotrack("data", "--images", "products", folder=tmp_path, check=False)

    assert (done.code, done.error_line) == (
        2,
        "error: --images: name the data set that the photos are for, for example 'twotrack data shop'.",
    )
