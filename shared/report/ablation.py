"""What each framework's own defaults cost, from the runs of an ablation: as text, as Markdown, as data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.evaluation import statistics
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.evaluation.statistics import Estimate, Verdict
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.report import tables
from twotrack.shared.runs.ablation import Ablation
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec.profiles import ALIGNED, NATIVE, SWITCHES

ENTRIES = {entry.slug: entry for entry in LEDGER}
NOTHING = "-"
"""A cell: the aligned value is this framework's own default, or there is nothing of the kind in the model."""


@dataclass(frozen=True)
class Change:
    """What one default, or all, changed on one track."""

    track: str
    switched: str
    """Slug of the ledger's entry, or native for all."""
    default: str
    """What the framework does by default, in words; empty for all."""
    seeds: list[int]
    score: Estimate
    change: Estimate
    """The chapter's metric with the default minus that of the aligned run with the same seed."""


def changes(ablation: Ablation) -> list[Change]:
    """Return a row per track and switch."""
    return [
        _change(track, name, runs, variants[ALIGNED])
        for track, variants in ablation.tracks.items()
        for name, runs in variants.items()
        if name != ALIGNED
    ]


def _change(track: str, name: str, runs: Sequence[Run], aligned: Sequence[Run]) -> Change:
    metric, labels = tables.metric_of(runs), runs[0].labels
    switched_logits, aligned_logits = tables.logits_of(runs), tables.logits_of(aligned)
    return Change(
        track=track,
        switched=name,
        default=_default(track, name),
        seeds=[run.record.job.seed for run in runs],
        score=statistics.score(metric, switched_logits, labels),
        change=statistics.score_difference(metric, switched_logits, aligned_logits, labels),
    )


def _default(track: str, name: str) -> str:
    entry = ENTRIES.get(name)
    return entry.side(track).default if entry else ""


def verdicts(ablation: Ablation, variant: str) -> list[Verdict]:
    """Return whether the tracks are equivalent, all aligned or all native."""
    pairs = list(combinations([variants[variant] for variants in ablation.tracks.values()], 2))
    return [tables.verdict(first, second, len(pairs)) for first, second in pairs]


def ablation_rows(ablation: Ablation) -> list[list[str]]:
    """Return the table's lines of cells, the heading first: a column per track."""
    aligned = [variants[ALIGNED] for variants in ablation.tracks.values()]
    metric = tables.metric_of(aligned[0])
    cells: dict[str, dict[str, str]] = {}
    for change in changes(ablation):
        cells.setdefault(change.switched, {})[change.track] = _text(metric, change.change)
    scores = [statistics.score(metric, tables.logits_of(track_runs), track_runs[0].labels) for track_runs in aligned]
    unit = "points" if METRICS[metric].in_points else METRICS[metric].label
    order = [name for name in (*SWITCHES, NATIVE) if name in cells]
    return [
        [f"switched to the default, change in {unit}", *ablation.tracks],
        [f"nothing: aligned, {METRICS[metric].label}", *map(tables.score_text, scores)],
        *([_name(name), *(cells[name].get(track, NOTHING) for track in ablation.tracks)] for name in order),
    ]


def _name(switched: str) -> str:
    return "all: native" if switched == NATIVE else ENTRIES[switched].name


def _text(metric: str, change: Estimate) -> str:
    value, low, high = (
        statistics.in_words(metric, figure, unit=False) for figure in (change.value, change.low, change.high)
    )
    return f"{value} [{low}, {high}]"


def ablation_text(ablation: Ablation) -> str:
    """Return the table in plain text, and the verdicts on the tracks."""
    rows = ablation_rows(ablation)
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines + _verdict_lines(ablation))


def ablation_markdown(ablation: Ablation) -> str:
    """Return the same for a page of the documentation."""
    heading, *rows = (f"| {' | '.join(row)} |" for row in ablation_rows(ablation))
    line = "|---" * (len(ablation.tracks) + 1) + "|"
    return "\n".join([heading, line, *rows, "", *(f"- {text}." for text in _verdict_lines(ablation))])


def _verdict_lines(ablation: Ablation) -> list[str]:
    summaries = {variant: statistics.summary(verdicts(ablation, variant)) for variant in (ALIGNED, NATIVE)}
    return [f"{variant}: {text}" for variant, text in summaries.items() if text]


def ablation_json(ablation: Ablation) -> dict[str, Any]:
    """Return the same as JSON-ready data."""
    record = next(iter(ablation.tracks.values()))[ALIGNED][0].record
    metric = chapters.get(record.job.chapter).metric
    return {
        "chapter": record.job.chapter,
        "recipe": record.job.recipe,
        "settings": record.job.settings,
        "metric": metric,
        "aligned": {
            track: asdict(statistics.score(metric, tables.logits_of(variants[ALIGNED]), variants[ALIGNED][0].labels))
            for track, variants in ablation.tracks.items()
        },
        "changes": [asdict(change) for change in changes(ablation)],
        "verdicts": {
            variant: [asdict(verdict) for verdict in verdicts(ablation, variant)] for variant in (ALIGNED, NATIVE)
        },
        "failures": [asdict(failure) for failure in ablation.failures],
    }
