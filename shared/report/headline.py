"""The outcome of a comparison in one sentence, which opens the report."""

from collections.abc import Sequence

from twotrack.shared.evaluation import statistics
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.report import tables
from twotrack.shared.report.tables import DifferenceRow
from twotrack.shared.runs.run_folder import Run


def headline(runs: Sequence[Run], rows: Sequence[DifferenceRow]) -> str:
    """Return the sentence: the verdict on the tracks, or why there is none."""
    if not rows:
        return _uncompared(runs)
    verdict = statistics.summary([row.verdict for row in rows])
    return f"{verdict[0].upper()}{verdict[1:]}."


def _uncompared(runs: Sequence[Run]) -> str:
    rows = tables.track_rows(runs)
    if len(rows) > 1:
        return "No two tracks have a seed in common, so there is no difference to state."
    (row,) = rows
    label = METRICS[tables.metric_of(runs)].label
    score = f"{label} {tables.score_text(row.score)} over {_count(len(row.seeds), 'seed')}"
    return f"One track alone, {row.track}: {score}; there is nothing to compare it with."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")
