"""Seconds that each lesson's notebook takes as a learner runs it: python -m tests.benchmarks.notebooks [LESSON...]

Every cell runs as it stands, trainings and ladders whole, in a kernel and a folder of its own; answers to exercises are
left open. `make documents` runs the same notebooks on small budgets.
"""

import sys
import tempfile
import time

from nbclient import NotebookClient

from docs.notebooks import notebook
from twotrack.shared.exercises import EXERCISES


def seconds(lesson: str) -> float:
    """Run a notebook to its end; nbclient's CellExecutionError if a cell fails."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        NotebookClient(notebook(lesson), timeout=None, resources={"metadata": {"path": folder}}).execute()
        return time.perf_counter() - start


def main() -> None:
    """Print a line per lesson, and the sum."""
    total = 0.0
    for lesson in sys.argv[1:] or EXERCISES:
        total += (taken := seconds(lesson))
        print(f"{lesson:<18}{taken:7.1f} s", flush=True)
    print(f"{'together':<18}{total:7.1f} s")


if __name__ == "__main__":
    main()
