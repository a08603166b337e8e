"""How many test processes this machine has room for."""

import os
from pathlib import Path

import psutil

# What one process and its workers, one per track, take at their peak.
PROCESS_BYTES = 8 * 2**30
LIMIT = Path("/sys/fs/cgroup/memory.max")


def processes(available: int, cores: int) -> int:
    """Return how many test processes to start with so many bytes of memory available, at least one."""
    return max(1, min(cores, available // PROCESS_BYTES))


def available_memory(limit: Path = LIMIT) -> int:
    """Return the bytes that can be had: of the machine, and of the container if that has fewer."""
    available = psutil.virtual_memory().available
    text = limit.read_text().strip() if limit.is_file() else "max"
    return available if text == "max" else min(available, int(text))


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
