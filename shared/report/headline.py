"""The outcome of a comparison in one sentence, which opens the report."""

from collections.abc import Sequence

from twotrack.shared.evaluation import statistics
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.report import tables
from twotrack.shared.report.caveats import with_caveats
from twotrack.shared.report.tables import DifferenceRow
from twotrack.shared.runs.run_folder import Run


def headline(runs: Sequence[Run], rows: Sequence[DifferenceRow]) -> str:
    """Return the sentence: the verdict on the tracks, or why there is none."""
    sentence = statistics.summary([row.verdict for row in rows]) if rows else _uncompared(runs)
    whole = with_caveats(sentence, runs)
    return f"{whole[0].upper()}{whole[1:]}."


def _uncompared(runs: Sequence[Run]) -> str:
    rows = tables.track_rows(runs)
    if len(rows) > 1:
        return "no two tracks have a seed in common, so there is no difference to state"
    (row,) = rows
    label = METRICS[tables.metric_of(runs)].label
    score = f"{label} {tables.score_text(row.score)} over {_count(len(row.seeds), 'seed')}"
    return f"one track alone, {row.track}: {score}; there is nothing to compare it with"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")
