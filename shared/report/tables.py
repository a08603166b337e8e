"""Runs as tables: per run, per track, and between tracks; as data for JSON and the page, and as text."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from shared import chapters, statistics
from shared.harness.comparison import Failure
from shared.harness.run_folder import Run
from shared.statistics import Estimate


@dataclass(frozen=True)
class TrackRow:
    """One track over all its seeds."""

    track: str
    seeds: list[int]
    accuracy: Estimate
    parameters: int
    epoch_seconds: float
    examples_per_second: float
    peak_memory: int
    """Bytes, the largest over the runs."""
    peak_device_memory: int | None
    warm_up_seconds: float


@dataclass(frozen=True)
class DifferenceRow:
    """Two tracks over the seeds that both ran."""

    first: str
    second: str
    seeds: list[int]
    difference: Estimate
    """Accuracy of the first minus the second."""
    margin: float
    within_margin: bool
    """The whole interval lies between -margin and +margin."""
    disagreements: int
    """Test examples, over all seeds, to which the two give different classes."""
    predictions: int
    """Test examples times seeds."""


@dataclass(frozen=True)
class SameStart:
    """Whether all tracks had the same data, initial weights and batches."""

    data: bool
    initial_weights: bool
    batches: bool


def tracks_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by track, in order of first appearance, seeds ascending."""
    tracks: dict[str, list[Run]] = {}
    for run in runs:
        tracks.setdefault(run.record.job.track, []).append(run)
    return {track: sorted(mine, key=lambda run: run.record.job.seed) for track, mine in tracks.items()}


def track_rows(runs: Sequence[Run]) -> list[TrackRow]:
    """Summarise every track."""
    return [_track_row(track, mine) for track, mine in tracks_of(runs).items()]


def _track_row(track: str, runs: list[Run]) -> TrackRow:
    records = [run.record for run in runs]
    device_peaks = [record.memory.peak_device for record in records if record.memory.peak_device is not None]
    return TrackRow(
        track=track,
        seeds=[record.job.seed for record in records],
        accuracy=statistics.accuracy(np.stack([_correct(run) for run in runs])),
        parameters=records[0].parameters,
        epoch_seconds=float(np.mean([record.epoch_seconds for record in records])),
        examples_per_second=float(np.mean([record.examples_per_second for record in records])),
        peak_memory=max(record.memory.peak for record in records),
        peak_device_memory=max(device_peaks, default=None),
        warm_up_seconds=float(np.mean([record.timing.warm_up for record in records])),
    )


def difference_rows(runs: Sequence[Run]) -> list[DifferenceRow]:
    """Compare every two tracks that have a seed in common."""
    rows = []
    for (first, first_runs), (second, second_runs) in combinations(tracks_of(runs).items(), 2):
        by_seed = {run.record.job.seed: run for run in second_runs}
        pairs = [(run, by_seed[run.record.job.seed]) for run in first_runs if run.record.job.seed in by_seed]
        if pairs:
            rows.append(_difference_row(first, second, pairs))
    return rows


def _difference_row(first: str, second: str, pairs: list[tuple[Run, Run]]) -> DifferenceRow:
    margin = chapters.get(pairs[0][0].record.job.chapter).margin
    difference = statistics.accuracy_difference(
        np.stack([_correct(one) for one, _ in pairs]), np.stack([_correct(other) for _, other in pairs])
    )
    return DifferenceRow(
        first=first,
        second=second,
        seeds=[one.record.job.seed for one, _ in pairs],
        difference=difference,
        margin=margin,
        within_margin=-margin < difference.low and difference.high < margin,
        disagreements=sum(int((_classes(one) != _classes(other)).sum()) for one, other in pairs),
        predictions=sum(len(one.labels) for one, _ in pairs),
    )


def same_start(runs: Sequence[Run]) -> SameStart:
    """Compare what the runs recorded of their inputs, seed by seed."""
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        by_seed.setdefault(run.record.job.seed, []).append(run)

    def same(what: str) -> bool:
        return all(
            getattr(run.record, what) == getattr(mine[0].record, what) for mine in by_seed.values() for run in mine
        )

    return SameStart(
        data=len({run.record.data.fingerprint for run in runs}) == 1,
        initial_weights=same("initial_weights"),
        batches=same("batches"),
    )


def _classes(run: Run) -> np.ndarray:
    """Return predicted classes (examples,)."""
    return run.logits.argmax(axis=1)


def _correct(run: Run) -> np.ndarray:
    """Return booleans (examples,)."""
    return _classes(run) == run.labels


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return one JSON-ready row per run."""
    return [
        {
            "folder": str(run.folder),
            "track": run.record.job.track,
            "seed": run.record.job.seed,
            "test": run.record.test,
            "parameters": run.record.parameters,
            "epoch_seconds": run.record.epoch_seconds,
            "examples_per_second": run.record.examples_per_second,
            "peak_memory": run.record.memory.peak,
        }
        for run in runs
    ]


def comparison_json(runs: Sequence[Run], failures: Sequence[Failure]) -> dict[str, Any]:
    """Return the whole comparison as JSON-ready data."""
    return {
        "chapter": runs[0].record.job.chapter,
        "recipe": runs[0].record.job.recipe,
        "runs": run_rows(runs),
        "tracks": [asdict(row) for row in track_rows(runs)],
        "differences": [asdict(row) for row in difference_rows(runs)],
        "same_start": asdict(same_start(runs)),
        "failures": [asdict(failure) for failure in failures],
    }


def comparison_text(runs: Sequence[Run]) -> str:
    """Return the comparison as a table in plain text."""
    header = f"{'track':<18}{'accuracy':<28}{'parameters':>10}{'s/epoch':>9}{'images/s':>10}{'peak MB':>9}"
    lines = [header]
    for row in track_rows(runs):
        lines.append(
            f"{row.track:<18}{accuracy_text(row.accuracy):<28}{row.parameters:>10,}{row.epoch_seconds:>9.1f}"
            f"{row.examples_per_second:>10,.0f}{row.peak_memory / 1e6:>9,.0f}"
        )
    lines += [difference_text(row) for row in difference_rows(runs)]
    return "\n".join(lines)


def accuracy_text(estimate: Estimate) -> str:
    """Return an accuracy with its interval."""
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def difference_text(row: DifferenceRow) -> str:
    """Return one sentence about two tracks, in percentage points."""
    estimate = row.difference
    verdict = "within" if row.within_margin else "not shown to be within"
    return (
        f"{row.first} minus {row.second}: {100 * estimate.value:+.2f} points "
        f"[{100 * estimate.low:+.2f}, {100 * estimate.high:+.2f}], {verdict} the margin of "
        f"{100 * row.margin:g} points; they disagree on {row.disagreements} of {row.predictions:,} predictions"
    )
