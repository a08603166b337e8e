"""Names for results that no other command takes: whoever makes a folder first has its name."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.runs.run_folder import unwritable

_TRIES = 100
"""Times that the folder around may be removed, by another command that made it, before a new one is in it."""


class Reserved:
    """What a command has reserved below a folder for results."""

    def __init__(self, parent: Path):
        self._parent = parent
        self.folders: list[Path] = []
        self._made: list[Path] = []

    def folder(self, name: str) -> Path:
        """Return a new empty folder: `name`, or `name`-2, -3, ...; UserError if none can be made."""
        return self._first(name, lambda path: path)

    def run(self, name: str) -> Path:
        """Return a new name for a run folder, which is reserved by the folder that becomes it."""
        return self._first(name, atomic.partial_name)

    def _first(self, name: str, folder_of: Callable[[Path], Path]) -> Path:
        for number in count(1):
            path = self._parent / (name if number == 1 else f"{name}-{number}")
            folder, names = folder_of(path), {path, atomic.partial_name(path)}
            if self._any_exists(names) or not self._make(folder):
                continue
            if not self._any_exists(names - {folder}):
                return path
            self.folders.remove(folder)  # while it was made somebody else took the name, or put a finished folder there
            with suppress(OSError):
                folder.rmdir()
        raise AssertionError("there is always another number")

    def _any_exists(self, names: set[Path]) -> bool:
        try:
            return any(map(Path.exists, names))
        except OSError as error:  # no name that the system can look for
            raise unwritable(self._parent, error) from error

    def _make(self, folder: Path) -> bool:
        """Make a folder, and those around it; False if somebody else has made it. UserError if it cannot be made."""
        for _ in range(_TRIES):
            try:
                self._made += [one for one in (self._parent, *self._parent.parents) if not one.exists()]
                self._parent.mkdir(parents=True, exist_ok=True)
                folder.mkdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if isinstance(error, FileExistsError) and self._parent.is_dir():
                    return False
                raise unwritable(self._parent, error) from error
            self.folders.append(folder)
            return True
        raise unwritable(self._parent, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))

    def give_back(self) -> None:
        """Remove what was reserved and is empty, or was to become a run and did not."""
        for folder in self.folders:
            if atomic.is_partial(folder):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in [*self.folders, *sorted(set(self._made), key=lambda one: len(one.parts), reverse=True)]:
            with suppress(OSError):  # it is gone, or something is in it
                folder.rmdir()


@contextmanager
def reserving(parent: Path) -> Iterator[Reserved]:
    """Yield what reserves names below `parent`; at the end nothing empty is left of it."""
    reserved = Reserved(parent)
    try:
        yield reserved
    finally:
        reserved.give_back()
