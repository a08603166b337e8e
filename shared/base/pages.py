"""Files that are mapped into memory, of which a process holds few pages at a time.

What a process has read of a mapped file, or has written into one, stays in its memory until the system needs the room.
Here the process gives it back by itself, over and over, while it works: the file still has it. Only Linux says which
memory belongs to a file; elsewhere nothing is given back, and the system does what it does.
"""

import ctypes
import mmap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

EVERY = 0.02
"""Seconds between two times. A core reads some hundred megabytes of a mapped file in it."""
_MAPS = Path("/proc/self/maps")


class Span(NamedTuple):
    """Bytes in memory, and what keeps them there."""

    address: int
    size: int
    holder: object


def span_of(array: np.ndarray) -> Span:
    """Return the bytes of a contiguous array."""
    return Span(array.ctypes.data, array.nbytes, array)


def zeros(file: Path, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return an array that lies in a new file, which takes room on the disk for what is written into it only."""
    with file.open("wb") as made:
        made.truncate(max(1, int(np.prod(shape, dtype=int)) * dtype.itemsize))
    return np.memmap(file, dtype, "r+", shape=tuple(shape))


@contextmanager
def given_back(spans: Sequence[Span]) -> Iterator[None]:
    """While the block runs, give memory back that is a file's; what is no file's stays. The block may add spans.

    What is written into a private copy of a file's page would be lost: nothing may write into one here.
    """
    done = threading.Event()
    worker = threading.Thread(target=_give_back, args=(spans, done), daemon=True)
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


def _give_back(spans: Sequence[Span], done: threading.Event) -> None:
    """Give pages back until `done` is set; spans hold their memory, so that no address becomes another's."""
    known, pages = 0, list[Span]()
    while not done.wait(EVERY):
        if known < len(spans):
            pages += _pages_of_files(spans[known : (known := len(spans))])
        for page in pages:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(page.address), ctypes.c_size_t(page.size), mmap.MADV_DONTNEED)


def _pages_of_files(spans: Sequence[Span]) -> list[Span]:
    """Return the whole pages within spans that files are mapped to."""
    mapped = list(_mapped_files())
    return [
        Span(first, behind - first, holder)
        for address, size, holder in spans
        for start, end in mapped
        if (first := _up(max(address, start))) < (behind := _down(min(address + size, end)))
    ]


def _mapped_files() -> Iterator[tuple[int, int]]:
    """Yield where files are in memory."""
    if not _MAPS.is_file() or not hasattr(mmap, "MADV_DONTNEED"):
        return
    for line in _MAPS.read_text().splitlines():
        span, _, _, _, inode, *_ = line.split(maxsplit=5)
        if inode != "0":
            start, end = span.split("-")
            yield int(start, 16), int(end, 16)


def _up(address: int) -> int:
    return -(-address // mmap.PAGESIZE) * mmap.PAGESIZE


def _down(address: int) -> int:
    return address // mmap.PAGESIZE * mmap.PAGESIZE


class OnDisk:
    """Arrays of a folder's files, made one by one, whose memory is given back."""

    SMALLEST = 2**20
    """Bytes from which on an array is worth a file."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.spans: list[Span] = []

    def zeros(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray | None:
        """Return an array in a file of its own; None for one that is too small to be worth it."""
        if int(np.prod(shape, dtype=int)) * dtype.itemsize < self.SMALLEST:
            return None
        array = zeros(self._folder / f"{len(self.spans)}.array", shape, dtype)
        self.spans.append(span_of(array))
        return array
