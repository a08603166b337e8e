"""Files and folders that appear whole or not at all, even if the process is killed or the power fails.

What is written gets a temporary name in the same folder; it is synced to the disk, and then renamed. Temporary folders
are locked by their owner for as long as it lives, so that what a killed process has left is known, and goes.
"""

import errno
import fcntl
import glob
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".partial"
ABANDONED = 24 * 3600.0
"""Seconds after which something unfinished is nobody's, where no lock says whose it is."""
_BEAT = 3600.0
"""Seconds after which the owner of something unfinished says that it is at work."""
OWNED = f".{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}{SUFFIX}"
"""How the names of folders end that a process of this machine has locked. Not every file system of several machines
tells one of another's locks."""
SCRATCH = "twotrack-"
"""How the names of folders of the system's temporary folder begin."""
_unfinished: set[Path] = set()
"""The temporary folders that this process has now."""


def partial_name(path: Path) -> Path:
    """Return the temporary name, always the same one, of what must not be written twice at a time."""
    return path.with_name(f".{path.name}{SUFFIX}")


def is_partial(path: Path) -> bool:
    """Tell whether it is a temporary name."""
    return path.name.startswith(".") and path.suffix == SUFFIX


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield where to write a file or a folder; when the block ends well, publish it as `path`.

    The place is another one for every writer, its name that of `path`, in a folder that goes in any case: the block
    may leave other files in it. A link is followed. OSError if nothing can be written beside `path`, or if it is
    neither file nor folder.
    """
    path = _followed(path)
    with owned_folder(path.parent, f".{path.name}.") as folder:
        partial = folder / path.name
        yield partial
        publish(partial, path)


def _followed(path: Path) -> Path:
    """Return where a link leads; OSError for what a file would do away with: a device, a pipe, a socket."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    require_ordinary(target)
    return target


def require_room(path: Path) -> None:
    """Raise OSError unless a file or folder of this name could be written now."""
    with owned_folder(_followed(path).parent, f".{path.name}."):
        pass


def require_ordinary(path: Path) -> None:
    """Raise OSError if there is something that is neither file nor folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EEXIST, "there is a device, a pipe or a socket, which no file replaces", str(path))


@contextmanager
def owned_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder that goes at the end; those of the same prefix whose owner is gone are removed first.

    OSError if there can be none.
    """
    remove_abandoned(parent, prefix)
    folder, lock = _locked_folder(parent, prefix)
    try:
        with unfinished(folder), _seen_alive(folder):
            yield folder
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Remove a folder, if it still has this name, at the end of the block or by `remove_unfinished`."""
    _unfinished.add(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)


def remove_unfinished() -> None:
    """Remove what this process has not finished, for a thread that ends the process without leaving any block."""
    for folder in _unfinished.copy():
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _seen_alive(folder: Path) -> Iterator[None]:
    """Keep a folder young, for other machines, and for file systems without locks, know what is abandoned by its age.

    What is in use for a day, such as a long training's, would else be removed.
    """
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(folder)

    threading.Thread(target=keep, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder for what is needed until the end of the block, in the system's temporary folder."""
    with owned_folder(Path(tempfile.gettempdir()), SCRATCH) as folder:
        yield folder


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """Return a new folder and the descriptor that holds its lock, None where folders cannot be locked."""
    while True:
        folder = Path(tempfile.mkdtemp(OWNED, prefix, parent))
        lock = _lock(folder)
        if lock is None and folder.exists():
            folder.rmdir()
            return Path(tempfile.mkdtemp(SUFFIX, prefix, parent)), None
        if folder.exists():
            return folder, lock
        if lock is not None:  # somebody took it for abandoned before it was locked
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a descriptor with the folder's lock; None where there are no such locks, or somebody has it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def write(path: Path, content: str | bytes) -> None:
    """Give a file its content, text as UTF-8, in one step; OSError if that is not possible.

    A character that UTF-8 has not, of the name of a folder, is written as Python writes it.
    """
    with written(path) as partial:
        partial.write_bytes(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def publish(partial: Path, path: Path) -> None:
    """Sync a file, or all files of a folder, and give it the name `path`, of a file or empty folder at most.

    OSError if that is not possible; then `partial` still has its name.
    """
    for part in [*partial.rglob("*"), partial] if partial.is_dir() else [partial]:
        _sync(part)
    os.replace(partial, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync a folder, or a special file
            raise
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path, prefix: str = ".") -> None:
    """Remove folders with a temporary name of this prefix that killed processes have left in the folder."""
    for leftover in folder.glob(f"{glob.escape(prefix)}*{SUFFIX}"):
        with suppress(OSError):
            if leftover.name.endswith(OWNED):
                _remove_if_free(leftover)
            elif time.time() - leftover.stat().st_mtime > ABANDONED:
                shutil.rmtree(leftover, ignore_errors=True)


def _remove_if_free(folder: Path) -> None:
    lock = _lock(folder)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
