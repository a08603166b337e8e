"""The environment record: enough to tell why two runs on two machines took different times."""

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = (
    "twotrack", "keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "scipy", "scikit-learn",
    "tensorflow-datasets",
)  # fmt: skip

NODE = "TWOTRACK_NODE"
"""What a scheduler calls this machine, which may be one of several of a host."""
THREADS = "OMP_NUM_THREADS"


def versions() -> dict[str, str]:
    """Return the versions of the installed packages that matter."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def environment() -> dict[str, object]:
    """Describe interpreter, machine and packages, without importing a framework."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "node": os.environ.get(NODE) or platform.node(),
        "cores": available_cores(),
        "threads": threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "packages": versions(),
    }


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Return the threads that an operation of this process takes, as far as the environment bounds them."""
    bound = os.environ.get(THREADS, "")
    return int(bound) if bound.isdecimal() and int(bound) else available_cores()


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM now."""
    return int(psutil.Process().memory_info().rss)


def peak_resident_bytes() -> int:
    """Return the most memory of this process that was ever in RAM."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
