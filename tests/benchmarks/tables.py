"""Fills docs/reference/benchmarks.md from what a benchmark has left: python -m tests.benchmarks.tables FILE.json"""

import sys
from pathlib import Path

from twotrack.shared.benchmark import text
from twotrack.shared.benchmark.records import Benchmark, read

PAGE = Path("docs/reference/benchmarks.md")
START, END = "<!-- measured -->", "<!-- end of measured -->"


def fill(page: Path, found: Benchmark) -> None:
    """Put the tables, the command and the machine between the marks of a page."""
    before, rest = page.read_text().split(START)
    _, behind = rest.split(END)
    page.write_text(f"{before}{START}\n\n{written(found)}\n\n{END}{behind}")


def written(found: Benchmark) -> str:
    """Return the tables with what they were measured by."""
    machine = found.environment
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    said = text.said_of_rounds(found)
    return (
        f"`{' '.join(found.command)}`, {machine['cores']} cores of {machine['processor']}, device {found.device}; "
        f"{versions}. {said[0].upper()}{said[1:]}. Seeds 0 to {found.rounds - 1}.\n\n"
        f"{text.tables(found)}"
    )


if __name__ == "__main__":
    fill(PAGE, read(Path(sys.argv[1])))
