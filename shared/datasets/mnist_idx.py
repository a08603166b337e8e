"""How the embedded MNIST file was made: python -m twotrack.shared.datasets.mnist_idx FOLDER OUT.npz

FOLDER holds the four original files, unpacked; their SHA-256 must be the well-known ones.
"""

import sys
from pathlib import Path

import numpy as np

from twotrack.shared.datasets.files import DataFile, write_arrays
from twotrack.shared.datasets.mnist import IMAGE_SHAPE

RESTORE = "take the four original idx files, unpacked"
ORIGINALS = {
    "train_images": ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train_labels": ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "test_images": ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "test_labels": ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}


def read_idx(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Read unsigned bytes behind an idx header (magic number and one 4-byte size per axis)."""
    header = 4 + 4 * (1 + len(shape))
    return np.frombuffer(content, np.uint8, offset=header).reshape(-1, *shape)


def read_originals(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the four original files; UserError if one is not the well-known file."""
    arrays = {}
    for name, (file_name, sha256) in ORIGINALS.items():
        content = DataFile(folder / file_name, sha256, RESTORE).check()
        arrays[name] = read_idx(content, IMAGE_SHAPE if name.endswith("images") else ())
    return arrays


if __name__ == "__main__":
    print(write_arrays(Path(sys.argv[2]), read_originals(Path(sys.argv[1]))))
