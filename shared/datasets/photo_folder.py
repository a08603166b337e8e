"""A folder of a user's own photos, one sub-folder per class: which files it holds, and what is refused."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.workers.environment import available_cores

IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}
"""What systems leave behind, in small letters, beside names that begin with a dot."""
SMALLEST_CLASS = 20
"""Then validation and test hold three or more of each class."""


@dataclass(frozen=True)
class Listing:
    """Photos by class, before any is opened."""

    root: Path
    class_names: tuple[str, ...]
    """Names of the sub-folders, sorted."""
    files: tuple[str, ...]
    """Paths below the root, class by class, sorted."""
    labels: np.ndarray
    """(files,) int32."""

    def content(self) -> list[tuple[str, str]]:
        """Return path and SHA-256 of each file; size and time would not tell two that have exchanged their names."""
        with ThreadPoolExecutor(available_cores()) as threads:
            return list(zip(self.files, threads.map(_digest, map(self.root.joinpath, self.files)), strict=True))


def find(folder: Path) -> Listing:
    """List the photos below `folder`. UserError for a missing folder, one class, an empty one, links that lead out."""
    root = _resolved(folder)
    names = _class_folders(root)
    _require_classes(folder, names)
    by_class = [sorted(_files(root, root / name)) for name in names]
    _require_inside(folder, root, [path for paths in by_class for path in paths])
    class_names = tuple(map(printable, names))
    labels = np.repeat(np.arange(len(names), dtype=np.int32), [len(paths) for paths in by_class])
    require_enough(str(folder), class_names, labels)
    files = tuple(path.relative_to(root).as_posix() for paths in by_class for path in paths)
    return Listing(root, class_names, files, labels)


def require_enough(where: str, class_names: Sequence[str], labels: np.ndarray) -> None:
    """Raise UserError unless there are enough photos of each class for three splits."""
    counts = np.bincount(labels, minlength=len(class_names))
    few = [f"{count} of '{name}'" for name, count in zip(class_names, counts, strict=True) if count < SMALLEST_CLASS]
    if few:
        raise UserError(
            f"{where}: expected at least {SMALLEST_CLASS} photos of each class, for a split into train, validation "
            f"and test; found {', '.join(few)}; add photos, or remove the class, and run the command again."
        )


def printable(name: str) -> str:
    """Return a file's name as it can be shown: bytes that are no text, and control characters, become '?'."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(character if character.isprintable() else "?" for character in text)


def _resolved(folder: Path) -> Path:
    try:
        root = folder.resolve(strict=True)
        if root.is_dir():
            return root
        reason = "it is no folder"
    except (OSError, RuntimeError) as error:  # a link to itself is a RuntimeError
        reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {folder}: {reason}; name a folder with --images that has one sub-folder per class.")


def _class_folders(root: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not _ignored(entry.name))
    except OSError as error:
        raise _unreadable(error) from error


def _require_classes(folder: Path, names: Sequence[str]) -> None:
    if len(names) < 2:
        listed = f"only '{printable(names[0])}'" if names else "none"
        raise UserError(
            f"{folder}: expected two sub-folders or more, one per class, with its photos inside; found {listed}."
        )


def _files(root: Path, folder: Path) -> Iterator[Path]:
    """Yield everything below a class's folder that is no real folder, linked folders included."""
    if folder.is_symlink():
        yield folder
        return
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        for name in [name for name in folders if (Path(parent) / name).is_symlink()] + files:
            if not _ignored(name):
                yield Path(parent) / name
        folders[:] = [name for name in folders if not _ignored(name)]


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def _unreadable(error: OSError) -> UserError:
    return UserError(f"cannot read the folder {error.filename}: {error.strerror}; make it readable or remove it.")


def _digest(path: Path) -> str:
    """Return a file's SHA-256; nothing for what is no file or cannot be read, which is reported when it is decoded."""
    try:
        return sha256_of(path) if path.is_file() else ""
    except OSError:
        return ""


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _require_inside(folder: Path, root: Path, paths: Iterable[Path]) -> None:
    """Refuse links to folders, and to files elsewhere: a folder of photos gives no access to other files."""
    links = [path for path in paths if path.is_symlink()]
    strays = [path for path in links if path.is_dir() or not Path(os.path.realpath(path)).is_relative_to(root)]
    if strays:
        listed = "".join(f"\n  {printable(str(path.relative_to(root)))}" for path in strays)
        raise UserError(
            f"{folder}: expected photos; found links that lead out of the folder, or to a folder:{listed}\n"
            "put the photos themselves there and run the command again."
        )
