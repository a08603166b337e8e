"""What a verification costs: python -m tests.benchmarks.verify_cost sizes|chapters [NAME ...]

`sizes` verifies pairs of one shape with 1e4 to 1e8 weights (torch against Keras on PyTorch), and says how seconds and
memory grow; `chapters` verifies every chapter on four tracks. Both print Markdown tables.
"""

import math
import sys
from collections.abc import Sequence

from tests.benchmarks import dense_pairs
from tests.benchmarks.sizes import Seen, watched
from twotrack.shared import chapters

WIDE = 8
"""Bytes of a weight in float64."""


def sizes(names: Sequence[str]) -> None:
    """Print a line for each size: how seconds grow beside weights, and memory above that of the first line."""
    print("| weights | exit code | seconds | grows as weights to the power | memory, GB | times the float64 weights |")
    print("|---:|---:|---:|---:|---:|---:|")
    rows: list[tuple[int, Seen]] = []
    for name in names or dense_pairs.WIDTHS:
        words = ["verify", f"tests.benchmarks.dense_pairs:{name}", "--tracks", "torch,keras:torch", "--first"]
        rows.append((dense_pairs.parameters(dense_pairs.WIDTHS[name]), watched(words)))
        print(_row(rows), flush=True)


def _row(rows: Sequence[tuple[int, Seen]]) -> str:
    weights, seen = rows[-1]
    power = times = "-"
    if len(rows) > 1:
        before, earlier = rows[-2]
        power = f"{math.log(seen.wall / earlier.wall) / math.log(weights / before):.2f}"
        times = f"{(seen.memory - rows[0][1].memory) / (WIDE * weights):.1f}"
    return f"| {weights:,} | {seen.code} | {seen.wall:.0f} | {power} | {seen.memory / 1e9:.2f} | {times} |"


def every_chapter(names: Sequence[str]) -> None:
    """Print a line for each chapter."""
    print("| chapter | exit code | seconds | seconds of processors | memory, GB |")
    print("|---|---:|---:|---:|---:|")
    for name in names or [chapter.slug for chapter in chapters.CHAPTERS.values()]:
        seen = watched(["verify", name])
        print(f"| {name} | {seen.code} | {seen.wall:.0f} | {seen.seconds:.0f} | {seen.memory / 1e9:.1f} |", flush=True)


if __name__ == "__main__":
    {"sizes": sizes, "chapters": every_chapter}[sys.argv[1]](sys.argv[2:])
