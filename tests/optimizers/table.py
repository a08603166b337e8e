"""`python -m tests.optimizers.table`: how far every optimizer strays from its formula in 2,000 steps, on every track.

Writes the table of docs/reference/optimizers.md.
"""

from tests.optimizers import long_cases, long_tasks
from tests.support.marked_tables import between
from tests.support.own_tree import ROOT, let_children_import_tests
from tests.support.turns import BACKENDS
from twotrack.shared.workers.pool import WorkerPool

PAGE = ROOT / "docs/reference/optimizers.md"
MARK = "table of long runs"
TRACKS = ("torch", *BACKENDS)


def measure() -> dict[str, dict[str, float]]:
    """Return the largest difference by track and case."""
    found = {}
    for track in TRACKS:
        with WorkerPool() as pool:
            asked = long_tasks.Asked(track, list(long_cases.CASES), long_cases.STEPS)
            found[track] = pool.call(track, long_tasks.strays, asked)
    return found


def written(found: dict[str, dict[str, float]]) -> str:
    """Return the table."""
    lines = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for case in long_cases.CASES:
        lines.append(f"| {case} | {' | '.join(f'{found[track][case]:.1e}' for track in found)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and put the table into the page."""
    let_children_import_tests()
    PAGE.write_text(between(PAGE.read_text(), MARK, written(measure())))


if __name__ == "__main__":
    main()
