"""Mapped files whose pages go back to the system while they are used, and come back with what they hold."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.base import pages

MEGABYTES = 48

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which memory is a file's")


def _resident(path: Path) -> int:
    """Return the megabytes of a file that this process has in memory, as the system counts them."""
    lines, total, inside = Path("/proc/self/smaps").read_text().splitlines(), 0, False
    for line in lines:
        if "-" in line.split()[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total // 1024


def _wait_until_small(path: Path) -> int:
    deadline = time.monotonic() + 10
    while (resident := _resident(path)) > 1 and time.monotonic() < deadline:
        time.sleep(pages.EVERY)
    return resident


def test_memory_of_a_file_goes_back_and_what_was_written_is_there(tmp_path: Path) -> None:
    file = tmp_path / "array"
    array = pages.zeros(file, (MEGABYTES, 2**18), np.dtype("float32"))
    array[...] = np.arange(MEGABYTES, dtype=np.float32)[:, None]
    assert _resident(file) == MEGABYTES
    with pages.given_back([pages.span_of(array)]):
        assert _wait_until_small(file) <= 1
        assert (array == np.arange(MEGABYTES, dtype=np.float32)[:, None]).all()
    assert np.fromfile(file, np.float32).reshape(array.shape)[:, -1].tolist() == list(range(MEGABYTES))


def test_a_span_that_is_added_later_goes_back_too(tmp_path: Path) -> None:
    disk = pages.OnDisk(tmp_path)
    with pages.given_back(disk.spans):
        array = disk.zeros((MEGABYTES, 2**17), np.dtype("float64"))
        assert array is not None
        array[...] = 7
        assert _wait_until_small(tmp_path / "0.array") <= 1
        assert (array == 7).all()
    assert disk.zeros((10,), np.dtype("float64")) is None


def test_memory_of_no_file_keeps_what_it_holds(tmp_path: Path) -> None:
    array = np.ones((16, 2**18), np.float32)
    with pages.given_back([pages.span_of(array)]):
        time.sleep(10 * pages.EVERY)
        assert (array == 1).all()


def test_only_whole_pages_within_a_span_go_back(tmp_path: Path) -> None:
    file = tmp_path / "array"
    whole = pages.zeros(file, (4 * os.sysconf("SC_PAGESIZE"),), np.dtype("uint8"))
    inner = whole[100:-100]
    (span,) = pages._pages_of_files([pages.span_of(inner)])
    assert span.address == whole.ctypes.data + os.sysconf("SC_PAGESIZE")
    assert span.size == 2 * os.sysconf("SC_PAGESIZE")
