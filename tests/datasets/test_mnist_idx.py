"""Reading the original files, from which the embedded one was made."""

import struct
from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.datasets.mnist import EMBEDDED
from twotrack.shared.datasets.mnist_idx import ORIGINALS, read_idx, read_originals
from twotrack.shared.errors import UserError


def write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes())


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four original files, made again from the embedded arrays."""
    folder = tmp_path_factory.mktemp("originals")
    for name, array in EMBEDDED.arrays().items():
        write_idx(folder / ORIGINALS[name][0], array)
    return folder


def test_the_original_files_give_the_embedded_arrays(originals: Path):
    arrays, embedded = read_originals(originals), EMBEDDED.arrays()

    assert arrays.keys() == embedded.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, embedded[name])


def test_an_original_with_other_content_is_refused_by_name(originals: Path, tmp_path: Path):
    for file in originals.iterdir():
        (tmp_path / file.name).symlink_to(file)
    changed = tmp_path / ORIGINALS["test_labels"][0]
    changed.unlink()
    write_idx(changed, np.zeros(10_000, np.uint8))

    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte is corrupted.*four original idx files"):
        read_originals(tmp_path)


def test_a_missing_original_is_refused_by_name(tmp_path: Path):
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte: No such file.*four original idx files"):
        read_originals(tmp_path)


@pytest.mark.parametrize("shape", [(), (3, 5)])
def test_read_idx_skips_a_header_of_one_size_per_axis(tmp_path: Path, shape: tuple[int, ...]):
    array = np.arange(4 * int(np.prod(shape)), dtype=np.uint8).reshape(4, *shape)
    write_idx(tmp_path / "file", array)

    np.testing.assert_array_equal(read_idx((tmp_path / "file").read_bytes(), shape), array)
