"""Files that are made once and kept in the user's cache folder, each beside its SHA-256."""

from collections.abc import Callable
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.base.cache import cache_folder
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the file `name` of the cache; if it is missing or damaged, let `make` write it first.

    The file appears whole or not at all. Raises UserError if the cache cannot be written.
    """
    file = cache_folder("weights") / name
    checksum = file.with_name(f"{name}.sha256")
    if file.is_file() and checksum.is_file() and checksum.read_text() == sha256_of(file):
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.remove_abandoned(file.parent)
        with atomic.written(file) as unfinished:
            make(unfinished)
            digest = sha256_of(unfinished)
        atomic.write(checksum, digest)
    except OSError as error:
        raise UserError(
            f"cannot write the cache {file.parent} ({error.strerror}); make it writable, or name another one "
            "with the environment variable XDG_CACHE_HOME."
        ) from error
    return file
