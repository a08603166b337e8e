"""How far chapters are from float64 in lower precisions, of what rounding allows.

python -m tests.benchmarks.precisions [CHAPTER...] writes the table of docs/guides/precision.md, on every track; rows of
chapters that are not named stay.
"""

import math
import sys
from collections.abc import Iterator, Sequence

from tests.support.marked_tables import between
from tests.support.own_tree import ROOT, let_children_import_tests
from tests.support.turns import BACKENDS
from twotrack import verify
from twotrack.shared.report.ladder import QuantityRecord, SidePrecision

PAGE, MARK = ROOT / "docs/guides/precision.md", "table of chapters"
CHAPTERS = "churn_mlp", "churn_lstm", "churn_transformer", "mnist_cnn"
PRECISIONS = "float32", "bfloat16", "float16"


def main(named: Sequence[str]) -> None:
    """Measure the chapters that are named, or all, and put the table into the page."""
    let_children_import_tests()
    rows = [
        row for chapter in CHAPTERS for row in (_rows(chapter) if chapter in (named or CHAPTERS) else _kept(chapter))
    ]
    head = [f"| chapter | track | {' | '.join(PRECISIONS)} |", f"|---|---|{'---|' * len(PRECISIONS)}"]
    PAGE.write_text(between(PAGE.read_text(), MARK, "\n".join(head + rows)))


def _kept(chapter: str) -> list[str]:
    """Return the rows of a chapter that stand in the page."""
    return [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {chapter} |")]


def _rows(chapter: str) -> Iterator[str]:
    """Yield a chapter's rows: torch, whose step is the same whatever it is compared with, and Keras on each backend."""
    for backend in reversed(BACKENDS):
        climbed = verify(chapter, tracks=[backend], until="parameters", precision=PRECISIONS)
        torch, keras = zip(*(found.sides for found in climbed.tracks[0].precisions), strict=True)
        if backend == BACKENDS[-1]:
            yield _row(chapter, "torch", torch)
        yield _row(chapter, backend, keras)


def _row(chapter: str, track: str, sides: tuple[SidePrecision, ...]) -> str:
    return f"| {chapter} | {track} | {' | '.join(_shown(side) for side in sides)} |"


def _shown(side: SidePrecision) -> str:
    """Return error of bound where their ratio is largest, of what the precision can hold."""
    if side.refused:
        return "not run"
    held = [one for one in side.quantities if math.isfinite(one.bound) and math.isfinite(one.largest_bound)]
    worst = max(held, key=lambda one: one.ratio)
    error, bound, kind = _measure(worst)
    what = "the loss" if worst.kind == "loss" else f"{worst.kind} `{worst.name}`"
    return f"{error:.1e} of {bound:.1e} ({worst.ratio:.2f}, {kind}{what})"


def _measure(one: QuantityRecord) -> tuple[float, float, str]:
    """Return error and bound of the measure whose ratio is the larger."""
    if one.bound and math.isclose(one.error / one.bound, one.ratio):
        return one.error, one.bound, ""
    return one.largest_error, one.largest_bound, "largest, "


if __name__ == "__main__":
    main(sys.argv[1:])
