"""How the embedded stamps were made: python -m twotrack.shared.datasets.stamps_png FOLDER OUT.npz

FOLDER is usr/share/tuxpaint/stamps of Debian's tuxpaint-stamps-default 2022.06.04-1; its photos must be the
stated ones.
"""

import hashlib
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from twotrack.shared.datasets.files import write_arrays
from twotrack.shared.datasets.photo import read_photo
from twotrack.shared.datasets.stamps import CLASS_NAMES, IMAGES, LABELS, NAMES, SIZE, SPLITS
from twotrack.shared.errors import UserError

FOLDERS = (
    ("animals/birds",),
    ("animals/mammals", "animals/marsupials"),
    ("food/fruit",),
    ("food/vegetables",),
    ("plants/flowers",),
    ("household", "hobbies", "sports"),
)
"""Of each class, deeper folders included."""
DRAWN = {"cartoon", "toys", "plastic"}
"""Folders of what is no photo of the thing itself."""
NO_PHOTOS = {"hedgehog", "rugby_goal_posts", "highlighter", "pen_dryerase"}
"""Drawings outside those folders, and pens, of which little but a line of print is seen."""
MIRRORED = "_mirror"
"""End of the names of pictures that are there a second time, turned left to right."""
SHARES = (0.5, 0.1, 0.4)
"""Of train, validation and test, within each class."""
SEED = 0
SHA256 = "8ef32cd8650f964e34de8a2132e1c90eb101907fd90faec9949a1e8a5e33bdb9"
"""Of all names and contents, one after the other, in the order in which `listed` returns them."""


def listed(folder: Path) -> list[list[Path]]:
    """Return the photos of each class, sorted, relative to the folder of stamps."""
    return [
        sorted(
            file.relative_to(folder)
            for part in parts
            for file in (folder / part).rglob("*.png")
            if not (DRAWN & set(file.parts) or file.stem in NO_PHOTOS or file.stem.endswith(MIRRORED))
        )
        for parts in FOLDERS
    ]


def require_originals(folder: Path, classes: list[list[Path]]) -> None:
    """Raise UserError unless the photos are those of the package."""
    digest = hashlib.sha256()
    for photo in (photo for photos in classes for photo in photos):
        digest.update(photo.as_posix().encode() + (folder / photo).read_bytes())
    if digest.hexdigest() != SHA256:
        raise UserError(
            f"{folder}: expected the photos of tuxpaint-stamps-default 2022.06.04-1, SHA-256 {SHA256[:12]}..., found "
            f"{digest.hexdigest()}; unpack that package with dpkg-deb -x."
        )


def subject(photo: Path) -> str:
    """Return what a photo shows, the first word of its name: lion of lion-2.png, so that both stay in one split."""
    return re.split(r"[-_\d]", photo.stem.lower())[0].removesuffix("s")


def split(photos: list[Path], generator: np.random.Generator) -> dict[str, list[Path]]:
    """Share out the photos of a class, subject by subject: large ones first, each to the split that lacks most."""
    subjects: defaultdict[str, list[Path]] = defaultdict(list)
    for photo in photos:
        subjects[subject(photo)].append(photo)
    order = [list(subjects)[number] for number in generator.permutation(len(subjects))]
    shared: dict[str, list[Path]] = {name: [] for name in SPLITS}
    for chosen in sorted(order, key=lambda name: -len(subjects[name])):
        missing = {name: share * len(photos) - len(shared[name]) for name, share in zip(SPLITS, SHARES, strict=True)}
        shared[max(missing, key=lambda name: missing[name])] += subjects[chosen]
    return shared


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Return images, labels and names of the three splits, each shuffled once."""
    classes, generator = listed(folder), np.random.default_rng(SEED)
    require_originals(folder, classes)
    shared = [split(photos, generator) for photos in classes]
    found: dict[str, np.ndarray] = {}
    for name in SPLITS:
        rows = [(photo, label) for label in range(len(CLASS_NAMES)) for photo in shared[label][name]]
        photos = [rows[number] for number in generator.permutation(len(rows))]
        found[f"{name}_{IMAGES}"] = np.stack([read_photo(folder / photo, SIZE) for photo, _ in photos])
        found[f"{name}_{LABELS}"] = np.array([label for _, label in photos], np.int32)
        found[f"{name}_{NAMES}"] = np.array([photo.with_suffix("").as_posix() for photo, _ in photos])
    return found


if __name__ == "__main__":
    print(write_arrays(Path(sys.argv[2]), arrays(Path(sys.argv[1]))))
