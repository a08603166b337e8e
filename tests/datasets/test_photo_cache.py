"""The cache of decoded photos: used again, decoded anew where anything changed, and never half there."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.photo_folders import Change, convert, load, refusal, write_photos
from twotrack.shared.base import atomic
from twotrack.shared.datasets import photo, photos
from twotrack.shared.datasets.photos import PhotosRequest
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.processes import Worker

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "products")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "twotrack" / "photos"


def test_a_second_call_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    first = convert(folder)
    monkeypatch.setattr(photo, "read", lambda *_: pytest.fail("a photo was read again"))

    assert convert(folder) == first


def exchange(one: Path, other: Path) -> None:
    """Give two folders each other's names, and all files one size and time, which then tell nothing."""
    for file in [*one.iterdir(), *other.iterdir()]:
        file.write_bytes(file.read_bytes().ljust(9000, b"\0"))
        os.utime(file, ns=(1, 1))
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: exchange(folder / "bag", folder / "shirt"),
        lambda folder: (folder / "bag" / "000.png").rename(folder / "bag" / "other.png"),
        lambda folder: Image.new("RGB", (9, 9)).save(folder / "bag" / "more.png"),
        lambda folder: (folder / "shirt" / "000.png").unlink(),
        lambda folder: (folder / "shirt").rename(folder / "shirts"),
    ],
    ids=["exchanged", "renamed", "added", "removed", "another class name"],
)
def test_a_changed_folder_is_decoded_anew(folder: Path, change: Change):
    before = convert(folder)
    change(folder)

    assert convert(folder).path != before.path


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".sha256").unlink(),
    ],
    ids=["cut", "removed", "without checksum"],
)
def test_a_spoilt_cache_is_decoded_again_to_the_same_bytes(folder: Path, spoil: Change):
    first = convert(folder)
    spoil(first.path)

    assert convert(folder) == first
    load(first)


def test_photos_that_were_changed_after_the_job_was_planned_are_refused_by_the_worker(folder: Path):
    found = convert(folder)
    content = bytearray(found.path.read_bytes())
    content[-1] ^= 1
    found.path.write_bytes(content)

    with pytest.raises(UserError, match=r"is corrupted: expected SHA-256 .*; decode it again\."):
        load(found)


def test_an_interruption_leaves_nothing(folder: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(path: Path, size: int) -> np.ndarray:
        if path.name == "025.png":
            raise KeyboardInterrupt
        return np.zeros((size, size, 3), np.uint8)

    monkeypatch.setattr(photo, "read", interrupted)

    with pytest.raises(KeyboardInterrupt):
        convert(folder)

    assert list(empty_cache.iterdir()) == []


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough photos that decoding takes a while: 2,000 names of one file."""
    Image.new("RGB", (700, 700), "red").save(tmp_path / "one.jpg")
    for number in range(2000):
        place = tmp_path / "many" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(tmp_path / "one.jpg", place / f"{number}.jpg")
    return tmp_path / "many"


@pytest.mark.parametrize("how", ["command interrupted", "worker killed"])
def test_whatever_stops_the_decoding_leaves_no_entry(many: Path, empty_cache: Path, how: str):
    """The listener is told after the first of eight parts."""

    def stop(progress: Progress) -> None:
        if "done" in progress.figures and how == "worker killed":
            os.kill(worker.pid, signal.SIGKILL)
        elif "done" in progress.figures:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, WorkerDiedError)), Worker(None, "cpu") as worker:
        worker.call(photos.convert, PhotosRequest(str(many), skip_broken=False), stop)

    left = [path.name for path in empty_cache.iterdir()]
    assert [name for name in left if not name.endswith(".partial")] == []
    assert how == "worker killed" or left == []


def test_what_a_killed_process_left_a_day_ago_is_removed(folder: Path, empty_cache: Path):
    for name, age in ((".old.partial", 2 * atomic.ABANDONED), (".new.partial", 0)):
        (empty_cache / name).mkdir(parents=True)
        (empty_cache / name / "decoded").write_bytes(b"x")
        moment = (empty_cache / name).stat().st_mtime - age
        os.utime(empty_cache / name, (moment, moment))

    convert(folder)

    assert [path.name for path in empty_cache.glob(".*")] == [".new.partial"]


def test_a_cache_that_cannot_be_written_is_refused_with_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    message = f"cannot write decoded photos to {tmp_path}/file/twotrack/photos: Not a directory; make room there, or"
    assert refusal(folder).startswith(message)
