"""Seconds until the command answers when no framework is needed: python -m tests.benchmarks.start"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.support.command_line import twotrack

REPEATS = 10


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        twotrack(*arguments, folder=Path(folder))
    return time.perf_counter() - start


def main() -> None:
    """Print a line per command."""
    for argument in ("--help", "list"):
        taken = [seconds(argument) for _ in range(REPEATS)]
        print(f"twotrack {argument:<7} median {statistics.median(taken):.2f} s, {min(taken):.2f} to {max(taken):.2f} s")


if __name__ == "__main__":
    main()
