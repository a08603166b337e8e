"""Files and folders that appear whole or not at all, even if the process is killed or the power fails.

What is written gets a temporary name in the same folder; it is synced to the disk, and then renamed.
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".partial"
ABANDONED = 24 * 3600.0
"""Seconds after which something unfinished is nobody's."""


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
    may leave other files in it. OSError if nothing can be written beside `path`.
    """
    with tempfile.TemporaryDirectory(SUFFIX, f".{path.name}.", path.parent) as folder:
        partial = Path(folder, path.name)
        yield partial
        publish(partial, path)


def write(path: Path, content: str | bytes) -> None:
    """Give a file its content, text as UTF-8, in one step; OSError if that is not possible."""
    with written(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


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


def remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed long ago have left unfinished in the folder."""
    for leftover in folder.glob(f".*{SUFFIX}"):
        if time.time() - leftover.stat().st_mtime > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
