"""What a process does with memory that is free again: kept for what comes next, or given back."""

import ctypes
import gc
import sys
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of glibc's mallopt."""
_LARGEST_KEPT = 2**25
"""Bytes of a block that is kept, the most that glibc lets be; of larger ones pieces would stay that fit nothing."""

_MANY = 100
"""Modules that are worth one look at all of them."""


def keep_free_memory() -> None:
    """From here on keep large blocks that are free, where the C library can be told so.

    It gives each back to the system, and a new one, which comes page by page, costs more than to fill it.
    """
    if library := _glibc():
        for parameter, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGEST_KEPT), (_TRIM_THRESHOLD, -1)):
            library.mallopt(parameter, value)


def give_back_free_memory() -> None:
    """Give all memory that is free back to the system, that of circles of references too."""
    gc.collect()
    if library := _glibc():
        library.malloc_trim(0)


@cache
def keep_what_is_imported() -> None:
    """Once in a process: to look for garbage would walk through every imported module each time, for nothing."""
    gc.freeze()


class Imports:
    """What a process has imported, for one that does task after task. Between two of them nothing else is alive."""

    def __init__(self) -> None:
        self._modules = 0

    @classmethod
    def so_far(cls) -> "Imports":
        """Return what it is where those that were imported so far are left as they are."""
        found = cls()
        found._modules = len(sys.modules)
        return found

    def keep(self) -> None:
        """Do as `keep_what_is_imported`, if many modules came since the last time; garbage goes before."""
        if len(sys.modules) - self._modules > _MANY:
            gc.collect()
            gc.freeze()
            self._modules = len(sys.modules)


@cache
def _glibc() -> Any:
    """Return the C library, None if it is another one."""
    try:
        library = ctypes.CDLL(None)
        return library if library.mallopt and library.malloc_trim else None
    except (OSError, TypeError, AttributeError):  # Windows has none, macOS another one
        return None
