"""Data files are checked before they are trusted, and written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.datasets.files import DataFile, sha256_of, write_arrays
from twotrack.shared.errors import UserError

REMEDY = "fetch it again"
ARRAYS = {"images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "labels": np.array([3, 1], np.uint8)}


@pytest.fixture
def good(tmp_path: Path) -> DataFile:
    path = tmp_path / "digits.npz"
    return DataFile(path, write_arrays(path, ARRAYS), REMEDY)


def test_written_arrays_are_read_back(good: DataFile):
    arrays = good.arrays()

    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_a_file_with_one_changed_byte_is_refused_with_both_hashes(good: DataFile):
    content = bytearray(good.path.read_bytes())
    content[len(content) // 2] ^= 1
    good.path.write_bytes(content)

    with pytest.raises(UserError) as caught:
        good.arrays()

    assert str(caught.value) == (
        f"the data file {good.path} is corrupted: expected SHA-256 {good.sha256[:12]}..., "
        f"found {sha256_of(good.path)[:12]}...; {REMEDY}."
    )


def test_a_truncated_file_is_refused(good: DataFile):
    good.path.write_bytes(good.path.read_bytes()[:-1])

    with pytest.raises(UserError, match=rf"{good.path.name} is corrupted: .*expected .*found .*; {REMEDY}\."):
        good.arrays()


def test_a_missing_file_is_named_with_the_reason_and_the_remedy(good: DataFile):
    good.path.unlink()

    with pytest.raises(UserError) as caught:
        good.check()

    assert str(caught.value) == f"cannot read the data file {good.path}: No such file or directory; {REMEDY}."


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=f"cannot read the data file {tmp_path}: Is a directory; {REMEDY}"):
        DataFile(tmp_path, "0" * 64, REMEDY).check()


def test_a_file_with_the_right_hash_that_is_no_archive_is_refused(tmp_path: Path):
    path = tmp_path / "text.npz"
    path.write_text("not an archive")

    with pytest.raises(UserError, match=f"{path} is no NumPy archive: .*; {REMEDY}"):
        DataFile(path, sha256_of(path), REMEDY).arrays()


def test_pickled_objects_are_refused(tmp_path: Path):
    path = tmp_path / "pickle.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object))

    with pytest.raises(UserError, match=r"is no NumPy archive: .*allow_pickle=False"):
        DataFile(path, sha256_of(path), REMEDY).arrays()


def test_a_failed_write_leaves_nothing(tmp_path: Path):
    class Refuses:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_arrays(tmp_path / "new" / "digits.npz", ARRAYS | {"more": Refuses()})

    assert list((tmp_path / "new").iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(good: DataFile):
    class Refuses:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_arrays(good.path, {"more": Refuses()})

    assert sorted(good.arrays()) == ["images", "labels"]
    assert list(good.path.parent.iterdir()) == [good.path]
