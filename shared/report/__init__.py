"""Run folders to one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared import chapters, datasets, metrics, profiles, statistics
from shared.datasets.spec import Dataset
from shared.errors import UserError
from shared.export import latency
from shared.harness.comparison import Failure
from shared.harness.run_folder import Run, read, runs_in
from shared.metrics import METRICS
from shared.report import attention, disagreements, tables
from shared.report.pages import render, write_file
from shared.track import TRACKS


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Read run folders, or the run folders directly inside; UserError unless they can be compared."""
    found: dict[Path, Run] = {}
    for folder in folders:
        inside = runs_in(folder)
        if not inside:
            raise UserError(f"'{folder}' holds no finished run; name a folder that 'run' or 'compare' has printed.")
        found |= {one.resolve(): read(one) for one in inside}
    order = list(TRACKS)
    runs = sorted(found.values(), key=lambda run: (order.index(run.record.job.track), run.record.job.seed))
    _require_comparable(runs)
    return runs


def _require_comparable(runs: Sequence[Run]) -> None:
    """Require that the runs differ in track and seed only."""
    for run in runs:
        if not run.record.epochs:
            raise UserError(f"'{run.folder}' was trained for no epoch, so there is nothing to report; leave it out.")
    first = runs[0]
    for run in runs[1:]:
        for what in ("chapter", "config", "recipe", "data", "start", "profile"):
            ours, theirs = _aspect(first, what), _aspect(run, what)
            if ours != theirs:
                raise UserError(
                    f"runs of one report differ in track and seed only; {what} of '{first.folder}' is {ours}, "
                    f"of '{run.folder}' it is {theirs}."
                )
    keys = [(run.record.job.track, run.record.job.seed) for run in runs]
    for track, seed in keys:
        if keys.count((track, seed)) > 1:
            raise UserError(f"two of the runs are of track {track} with seed {seed}; name only one of them.")


def _aspect(run: Run, what: str) -> object:
    if what == "chapter":
        return run.record.job.chapter
    if what == "start":
        return run.record.job.continues.weights if run.record.job.continues else "the chapter's initial weights"
    if what == "profile":
        return profiles.describe(run.record.job.switched)
    return run.record.data.model_dump() if what == "data" else getattr(run.record, what)


def write_report(
    runs: Sequence[Run], page: Path, failures: Sequence[Failure], references: Mapping[str, Mapping[str, float]]
) -> Path:
    """Render the page, which appears whole or not at all; UserError if it cannot be written."""
    return write_file(page, render("page.html.j2", **_context(runs, failures, references)))


def _context(
    runs: Sequence[Run], failures: Sequence[Failure], references: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    from shared.report import figures

    record = runs[0].record
    chapter = chapters.get(record.job.chapter)
    dataset = chapter.data(datasets.here(chapter.dataset, record.job.source))
    metric = METRICS[chapter.metric]
    difference_rows = tables.difference_rows(runs)
    return {
        "chapter": chapter,
        "record": record,
        "track_rows": tables.track_rows(runs),
        "difference_rows": difference_rows,
        "profile": profiles.describe(record.job.switched),
        "verdict": statistics.summary([row.verdict for row in difference_rows]),
        "difference_text": lambda row: tables.difference_text(row, metric),
        "difference_figures": lambda row: tables.difference_figures(row, metric),
        "metric": metric,
        "references": references,
        "calibration": figures.calibration(runs) if len(dataset.class_names) == 2 else None,
        "same_start": tables.same_start(runs),
        "failures": failures,
        "curves": figures.learning_curves(runs),
        "confusions": _confusions(runs),
        "class_names": dataset.class_names,
        "per_class": _per_class(runs),
        "examples": _examples(runs, dataset),
        "attention": attention.customers(runs, dataset),
        "heatmaps": lambda drawn: figures.themed(figures.heatmaps(drawn)),
        "in_words": figures.in_words,
        "latencies": [(run, found) for run in runs if (found := latency.stored(run))],
        "draw_latencies": figures.latencies,
        "runs": runs,
    }


def _confusions(runs: Sequence[Run]) -> dict[str, list[list[int]]]:
    """Return each track's confusion matrix, summed over its seeds."""
    return {
        track: sum(metrics.confusion(run.logits, run.labels) for run in mine).tolist()
        for track, mine in tables.tracks_of(runs).items()
    }


def _per_class(runs: Sequence[Run]) -> dict[str, list[tuple[float, float, float]]]:
    """Return each track's precision, recall and F1 by class, over its seeds together."""
    found = {}
    for track, mine in tables.tracks_of(runs).items():
        logits, labels = (np.concatenate([getattr(run, what) for run in mine]) for what in ("logits", "labels"))
        found[track] = list(zip(*(values.tolist() for values in metrics.per_class(logits, labels)), strict=True))
    return found


def _examples(runs: Sequence[Run], dataset: Dataset) -> dict[str, Any]:
    """Return disagreements and worst mistakes of the lowest seed."""
    seed = min(run.record.job.seed for run in runs)
    of_seed = [run for run in runs if run.record.job.seed == seed]
    return {
        "seed": seed,
        "tracks": len(of_seed),
        "count": disagreements.count(of_seed),
        "disagreements": disagreements.show(of_seed, disagreements.find(of_seed), dataset),
        "worst": disagreements.show(of_seed, disagreements.worst(of_seed), dataset),
    }
