"""The outcome of a comparison in one sentence, which opens the report."""

from collections.abc import Sequence

from shared.harness.run_folder import Run
from shared.metrics import METRICS
from shared.report import tables
from shared.report.tables import DifferenceRow


def headline(runs: Sequence[Run], rows: Sequence[DifferenceRow]) -> str:
    """Return the sentence; `rows` are the runs' differences, of which it names the one furthest from none."""
    if not rows:
        return _uncompared(runs)
    within, widest = all(row.within_margin for row in rows), max(rows, key=_reach)
    metric = METRICS[tables.metric_of(runs)]
    value, low, high, margin = tables.difference_figures(widest, metric)
    unit = " points" if metric.in_points else ""
    pair = f"{widest.first} minus {widest.second}"
    named = pair if len(rows) == 1 else f"the widest of {len(rows)} pairs, {pair},"
    return (
        f"{_subject(rows, within)} the margin of {margin}{unit} in {metric.label}: {named} "
        f"is {value}{unit} [{low}, {high}] over {_count(len(widest.seeds), 'seed')}."
    )


def _reach(row: DifferenceRow) -> float:
    return max(-row.difference.low, row.difference.high)


def _subject(rows: Sequence[DifferenceRow], within: bool) -> str:
    tracks = {track for row in rows for track in (row.first, row.second)}
    who = "both tracks" if len(tracks) == 2 else f"all {len(tracks)} tracks"
    return (
        f"{who.capitalize()} score the same within" if within else f"It is not shown that {who} score the same within"
    )


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
