"""Files of somebody else's, which are read only if they are files: a pipe would be waited for, a device has no end."""

import errno
import os
import stat
from pathlib import Path


def named(name: str | Path) -> Path:
    """Return the path of a name in which ~ or ~user may stand for a home folder; a name of nobody's stays as it is."""
    return Path(os.path.expanduser(name))


def require(path: Path) -> None:
    """Raise OSError unless it is a file, or a link to one."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "It is a folder, a device, a pipe or a socket, not a file", str(path))


def bytes_of(path: Path) -> bytes:
    """Return what a file holds; OSError if it cannot be read or is none."""
    require(path)
    return path.read_bytes()


def text_of(path: Path) -> str:
    """Return the text, UTF-8, that a file holds; OSError as `bytes_of`, UnicodeDecodeError."""
    require(path)
    return path.read_text("utf-8")
