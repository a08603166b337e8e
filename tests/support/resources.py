"""How many test processes this machine has room for, and how much memory each may hold."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

# What one process and its workers, one per track, take at their peak if nothing bounds them is up to 10 GB: a worker
# keeps what JAX and torch have compiled. They go well with 8 GB, and get along with less.
PROCESS_BYTES = 8 * 2**30
# Of a process's memory, what its workers may hold from one file of tests to the next. The rest is for what the tests of
# one file add, and for commands with workers of their own.
KEPT = 0.5
LIMIT = Path("/sys/fs/cgroup/memory.max")


def processes(available: int, cores: int) -> int:
    """Return how many test processes to start with so many bytes of memory available, at least one."""
    return max(1, min(cores, available // PROCESS_BYTES))


def test_processes() -> int:
    """Return how many processes share this session's tests."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def available_memory(limit: Path = LIMIT) -> int:
    """Return the bytes that can be had: of the machine, and of the container if that has fewer."""
    available = psutil.virtual_memory().available
    text = limit.read_text().strip() if limit.is_file() else "max"
    return available if text == "max" else min(available, int(text))


def kept_memory(available: int, processes: int) -> int:
    """Return the bytes that one of so many processes and its workers may hold between two files of tests."""
    return int(KEPT * available / processes)


def held_memory() -> int:
    """Return the bytes that this process and all below it hold, memory that they share counted once."""
    own = psutil.Process()
    held = 0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            held += process.memory_full_info().pss
    return held


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
