"""Run folders to one self-contained HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared import chapters, datasets
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError, unknown
from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.data_notes import DataNote
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.export import latency
from twotrack.shared.report import attention, disagreements, ladder_page, tables
from twotrack.shared.report.commands import reproducing
from twotrack.shared.report.headline import headline
from twotrack.shared.report.ladder import LadderRecord, require_of
from twotrack.shared.report.next_step import next_step
from twotrack.shared.report.pages import render, write_file
from twotrack.shared.report.tables import DifferenceRow
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrackFailure
from twotrack.shared.runs.records import RunRecord
from twotrack.shared.runs.run_folder import Run, read, runs_in
from twotrack.shared.spec import profiles
from twotrack.shared.spec.track import TRACKS


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Read run folders, or the run folders directly inside; UserError unless they can be compared."""
    runs_by_folder: dict[Path, Run] = {}
    for folder in folders:
        run_folders = runs_in(folder)
        if not run_folders:
            raise UserError(f"'{folder}' holds no finished run; name a folder that 'run' or 'compare' has printed.")
        runs_by_folder |= {path.resolve(): read(path) for path in run_folders}
        for path in run_folders:
            plans.require_recorded(path.absolute())
    order = list(TRACKS)
    for run in runs_by_folder.values():
        if run.record.job.track not in order:
            raise unknown(f"track of '{run.folder}'", run.record.job.track, order)
    runs = sorted(runs_by_folder.values(), key=lambda run: (order.index(run.record.job.track), run.record.job.seed))
    _require_comparable(runs)
    return runs


def _require_comparable(runs: Sequence[Run]) -> None:
    """Require that the runs differ in track and seed only."""
    for run in runs:
        if not run.record.epochs:
            raise UserError(
                f"'{run.folder}' was trained for no whole epoch, so there is nothing to report; leave it out."
            )
    first = runs[0]
    for run in runs[1:]:
        for aspect in ("chapter", "config", "recipe", "precision", "replicas", "data", "start", "profile", "end"):
            expected, actual = _aspect(first, aspect), _aspect(run, aspect)
            if expected != actual:
                raise UserError(
                    f"runs of one report differ in track and seed only; {aspect} of '{first.folder}' is {expected}, "
                    f"of '{run.folder}' it is {actual}."
                )
    keys = [(run.record.job.track, run.record.job.seed) for run in runs]
    for track, seed in keys:
        if keys.count((track, seed)) > 1:
            raise UserError(f"two of the runs are of track {track} with seed {seed}; name only one of them.")


def _aspect(run: Run, aspect: str) -> object:
    if aspect == "chapter":
        return run.record.job.chapter
    if aspect in ("precision", "replicas"):
        return run.record.job.trains_in if aspect == "precision" else run.record.job.replicas
    if aspect == "start":
        continues = run.record.job.continues
        is_new = continues is None or continues.state is not None  # one that goes on has its training's start
        return "the chapter's initial weights" if is_new or continues is None else continues.weights
    if aspect == "end":
        return f"step {run.record.steps}" if run.record.stopped else "that of the training"
    if aspect == "profile":
        return profiles.describe(run.record.job.switched)
    return run.record.data.model_dump() if aspect == "data" else getattr(run.record, aspect)


def write_report(
    runs: Sequence[Run],
    page: Path,
    failures: Sequence[TrackFailure],
    baselines: Mapping[str, Mapping[str, float]],
    ladder: LadderRecord | None = None,
    notes: Sequence[DataNote] = (),
) -> Path:
    """Render the page, which appears whole or not at all; UserError if it cannot be written.

    With `ladder`, the verification of the runs' models is on it; `notes` are those of `tables.notes_on_data`.
    """
    if ladder:
        require_of(ladder, runs[0].record.job)
    return write_file(page, render("page.html.j2", data_notes=notes, **_context(runs, failures, baselines, ladder)))


def _context(
    runs: Sequence[Run],
    failures: Sequence[TrackFailure],
    baselines: Mapping[str, Mapping[str, float]],
    ladder: LadderRecord | None,
) -> dict[str, Any]:
    record = runs[0].record
    chapter = chapters.get(record.job.chapter)
    dataset = chapter.data(datasets.here(chapter.dataset, record.job.source))
    rows = tables.difference_rows(runs)
    return {
        "chapter": chapter,
        "record": record,
        "runs": runs,
        "profile": profiles.describe(record.job.switched),
        "metric": METRICS[chapter.metric],
        "class_names": dataset.class_names,
        "headline": headline(runs, rows),
        "next_step": next_step(runs, rows, ladder),
        **_dropout(record),
        "failures": failures,
        "baselines": baselines,
        **ladder_page.context(ladder),
        "commands": reproducing(runs),
        "difference_rows": rows,
        "difference_figures": lambda row: tables.difference_figures(row, METRICS[chapter.metric]),
        **_tables(runs),
        **_drawings(runs, rows, dataset),
        "examples": _examples(runs, dataset),
    }


def _dropout(record: RunRecord) -> dict[str, bool]:
    """Return whether the model drops anything, and whether each framework draws by itself what it drops."""
    rate = 0 if record.job.exact and not record.job.same_masks else record.config.get("dropout", 0)
    return {"has_dropout": rate > 0, "draws_masks": rate > 0 and not record.job.same_masks}


def _tables(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "track_rows": tables.track_rows(runs),
        "same_start": tables.same_start(runs),
        "epoch_rows": tables.epoch_rows(runs),
        "stops_early": len({run.record.steps for run in runs}) > 1,
        "runs_by_track": tables.tracks_of(runs),
        "costs": tables.costs(runs),
        "spread_text": tables.spread_text,
        "bins": {
            track: list(zip(*tables.calibration_bins(track_runs), strict=True)) for track, track_runs in _by_track(runs)
        },
        "confusions": _confusions(runs),
        "per_class": _per_class(runs),
    }


def _by_track(runs: Sequence[Run]) -> Iterable[tuple[str, list[Run]]]:
    return tables.tracks_of(runs).items()


def _drawings(runs: Sequence[Run], rows: Sequence[DifferenceRow], dataset: Dataset) -> dict[str, Any]:
    from twotrack.shared.report import figures, plots

    return {
        "curves": plots.learning_curves(runs),
        "curve_difference": plots.curve_difference(runs),
        "difference_drawing": plots.differences(rows, tables.metric_of(runs)) if rows else None,
        "cost_drawings": plots.costs(tables.costs(runs)),
        "calibration": plots.calibration(runs, dataset.class_names),
        "attention": attention.customers(runs, dataset),
        "heatmaps": lambda picture: figures.themed(figures.heatmaps(picture)),
        "in_words": figures.in_words,
        "latencies": [(run, measured, plots.latencies(measured)) for run in runs if (measured := latency.stored(run))],
    }


def _confusions(runs: Sequence[Run]) -> dict[str, list[list[int]]]:
    """Return each track's confusion matrix, summed over its seeds."""
    return {
        track: np.sum([metrics.confusion(run.logits, run.labels) for run in track_runs], axis=0).tolist()
        for track, track_runs in tables.tracks_of(runs).items()
    }


def _per_class(runs: Sequence[Run]) -> dict[str, list[tuple[float, float, float]]]:
    """Return each track's precision, recall and F1 by class, over its seeds together."""
    rows = {}
    for track, track_runs in tables.tracks_of(runs).items():
        logits, labels = (np.concatenate([getattr(run, what) for run in track_runs]) for what in ("logits", "labels"))
        rows[track] = list(zip(*(values.tolist() for values in metrics.per_class(logits, labels)), strict=True))
    return rows


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
