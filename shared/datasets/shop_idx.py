"""How the embedded shop file was made: python -m twotrack.shared.datasets.shop_idx FOLDER OUT.npz

FOLDER holds Fashion-MNIST's four idx files, packed by gzip, as Debian's dataset-fashion-mnist installs them;
their SHA-256 must be the stated ones.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

from twotrack.shared.datasets.files import DataFile, write_arrays
from twotrack.shared.datasets.mnist_idx import read_idx
from twotrack.shared.datasets.shop import CLASS_NAMES, IMAGE_SHAPE, KINDS

RESTORE = "take the four files of Debian's package dataset-fashion-mnist"
ORIGINALS = {
    "train_images": ("train-images-idx3-ubyte.gz", "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"),
    "train_kinds": ("train-labels-idx1-ubyte.gz", "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"),
    "test_images": ("t10k-images-idx3-ubyte.gz", "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"),
    "test_kinds": ("t10k-labels-idx1-ubyte.gz", "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"),
}
TRAIN, VALIDATION, TEST = 1000, 200, 400
"""Images of each class; a class of several kinds has them in equal shares."""
SEED = 0


def read_originals(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the four original files; UserError if one is not the stated file."""
    arrays = {}
    for name, (file_name, sha256) in ORIGINALS.items():
        content = gzip.decompress(DataFile(folder / file_name, sha256, RESTORE).check())
        arrays[name] = read_idx(content, IMAGE_SHAPE if name.endswith("images") else ())
    return arrays


def shares(per_class: int) -> dict[int, int]:
    """Return how many images of each kind make `per_class` of each class; what does not divide goes to the first."""
    counts = {}
    for class_name in CLASS_NAMES:
        kinds = [number for number, (_, grouped) in enumerate(KINDS) if grouped == class_name]
        for position, kind in enumerate(kinds):
            counts[kind] = per_class // len(kinds) + (position < per_class % len(kinds))
    return counts


def draw(kinds: np.ndarray, *per_class: int) -> list[np.ndarray]:
    """Draw disjoint sets of rows of `kinds` (examples,), with so many of each class, each set in stored order."""
    generator = np.random.default_rng(SEED)
    drawn = {kind: generator.permutation(np.flatnonzero(kinds == kind)) for kind in range(len(KINDS))}
    sets, used = [], dict.fromkeys(drawn, 0)
    for count in per_class:
        chosen = {kind: drawn[kind][used[kind] : used[kind] + share] for kind, share in shares(count).items()}
        used = {kind: used[kind] + len(chosen[kind]) for kind in used}
        sets.append(np.sort(np.concatenate(list(chosen.values()))))
    return sets


def subset(originals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return images and kinds of the three splits; train and validation are drawn from the training images."""
    train, validation = draw(originals["train_kinds"], TRAIN, VALIDATION)
    (test,) = draw(originals["test_kinds"], TEST)
    chosen = {"train": ("train", train), "validation": ("train", validation), "test": ("test", test)}
    return {
        f"{split}_{what}": originals[f"{source}_{what}"][rows]
        for split, (source, rows) in chosen.items()
        for what in ("images", "kinds")
    }


if __name__ == "__main__":
    print(write_arrays(Path(sys.argv[2]), subset(read_originals(Path(sys.argv[1])))))
