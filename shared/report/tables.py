"""Runs as tables: per run, per track, and between tracks; as data for JSON and the page, and as text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from twotrack.shared import chapters, datasets
from twotrack.shared.evaluation import metrics, statistics
from twotrack.shared.evaluation.data_notes import DataNote, data_notes
from twotrack.shared.evaluation.metrics import METRICS, Metric
from twotrack.shared.evaluation.statistics import Estimate, Verdict
from twotrack.shared.runs import agreement
from twotrack.shared.runs.comparison import TrackFailure
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.spec import profiles

if TYPE_CHECKING:
    from twotrack.shared.report.ladder import LadderRecord


@dataclass(frozen=True)
class TrackRow:
    """One track over all its seeds."""

    track: str
    seeds: list[int]
    score: Estimate
    """The chapter's metric on the test split."""
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
    """The chapter's metric of the first minus that of the second."""
    margin: float
    within_margin: bool
    """The whole interval lies between -margin and +margin."""
    disagreements: int
    """Test examples, over all seeds, to which the two give different classes."""
    predictions: int
    """Test examples times seeds."""
    verdict: Verdict
    """Whether the two are equivalent."""
    by_seed: list[float]
    """The difference of each of `seeds`."""


@dataclass(frozen=True)
class SameStart:
    """Whether all tracks had the same data, initial weights and batches."""

    data: bool
    initial_weights: bool
    batches: bool


@dataclass(frozen=True)
class Cost:
    """What training took, per track one value per seed."""

    title: str
    unit: str
    form: str
    """Format of a value."""
    by_track: dict[str, list[float]]


def tracks_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by track, in order of first appearance, seeds ascending."""
    tracks: dict[str, list[Run]] = {}
    for run in runs:
        tracks.setdefault(run.record.job.track, []).append(run)
    return {track: sorted(track_runs, key=lambda run: run.record.job.seed) for track, track_runs in tracks.items()}


def track_rows(runs: Sequence[Run]) -> list[TrackRow]:
    """Summarise every track."""
    return [_track_row(track, track_runs) for track, track_runs in tracks_of(runs).items()]


def _track_row(track: str, runs: list[Run]) -> TrackRow:
    records = [run.record for run in runs]
    device_peaks = [record.memory.peak_device for record in records if record.memory.peak_device is not None]
    return TrackRow(
        track=track,
        seeds=[record.job.seed for record in records],
        score=statistics.score(metric_of(runs), logits_of(runs), runs[0].labels),
        parameters=records[0].parameters,
        epoch_seconds=float(np.mean([record.epoch_seconds for record in records])),
        examples_per_second=float(np.mean([record.examples_per_second for record in records])),
        peak_memory=max(record.memory.peak for record in records),
        peak_device_memory=max(device_peaks, default=None),
        warm_up_seconds=float(np.mean([record.timing.warm_up for record in records])),
    )


def costs(runs: Sequence[Run]) -> list[Cost]:
    """Return time, throughput and memory of every run."""
    parts = [
        ("Time per epoch", "seconds", ".2f", lambda record: record.epoch_seconds),
        ("Throughput", "examples per second", ",.0f", lambda record: record.examples_per_second),
        ("Peak memory of the process", "MB", ",.0f", lambda record: record.memory.peak / 1e6),
    ]
    if any(run.record.memory.peak_device for run in runs):
        parts.append(("Peak memory on the GPU", "MB", ",.0f", lambda record: (record.memory.peak_device or 0) / 1e6))
    return [
        Cost(
            title,
            unit,
            form,
            {track: [quantity(run.record) for run in track_runs] for track, track_runs in tracks_of(runs).items()},
        )
        for title, unit, form, quantity in parts
    ]


@dataclass(frozen=True)
class EpochRow:
    """One epoch of one track, one value per seed that trained so long."""

    track: str
    epoch: int
    train_loss: list[float]
    validation_loss: list[float]
    validation_metric: list[float]
    seconds: list[float]
    feeding_seconds: list[float]


def epoch_rows(runs: Sequence[Run]) -> list[EpochRow]:
    """Return every epoch of every track; where seeds stop early, the later ones are of fewer seeds."""
    names = [field.name for field in fields(EpochRow)[2:]]
    by_number = {
        track: zip_longest(*(run.record.epochs for run in track_runs)) for track, track_runs in tracks_of(runs).items()
    }
    found = [(track, [one for one in epochs if one]) for track, rows in by_number.items() for epochs in rows]
    return [
        EpochRow(track, epochs[0].epoch, **{name: [getattr(epoch, name) for epoch in epochs] for name in names})
        for track, epochs in found
    ]


def calibration_bins(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bins of one track's predictions, all seeds together; as metrics.calibration.

    Of two classes the probability is that of the second, of more that of the answer.
    """
    chances = np.concatenate([metrics.probabilities(run.logits) for run in runs])
    labels = np.concatenate([run.labels for run in runs])
    if chances.shape[1] == 2:
        return metrics.calibration(chances[:, 1], labels)
    answers = np.concatenate([metrics.classes(run.logits) for run in runs])
    return metrics.calibration(chances.max(axis=1), (answers == labels).astype(float))


def spread_text(values: Sequence[float], form: str) -> str:
    """Return the mean of the seeds' values and, if they differ, the lowest and the highest."""
    mean, low, high = (format(statistic(values), form) for statistic in (np.mean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def difference_rows(runs: Sequence[Run]) -> list[DifferenceRow]:
    """Compare every two tracks that have a seed in common."""
    scores = {run.folder: metrics.score(metric_of(runs), run.logits, run.labels) for run in runs}
    paired_tracks = {}
    for (first, first_runs), (second, second_runs) in combinations(tracks_of(runs).items(), 2):
        partners = {run.record.job.seed: run for run in second_runs}
        pairs = [(run, partners[run.record.job.seed]) for run in first_runs if run.record.job.seed in partners]
        if pairs:
            paired_tracks[first, second] = pairs
    return [
        _difference_row(
            first,
            second,
            pairs,
            len(paired_tracks),
            [scores[first_run.folder] - scores[second_run.folder] for first_run, second_run in pairs],
        )
        for (first, second), pairs in paired_tracks.items()
    ]


def verdict(first_runs: Sequence[Run], second_runs: Sequence[Run], pairs: int = 1) -> Verdict:
    """Return whether two tracks are equivalent and learned, from runs with the same seeds in the same order.

    `pairs` of tracks are compared in all.
    """
    outputs, labels = (logits_of(first_runs), logits_of(second_runs)), first_runs[0].labels
    judged = statistics.verdict(
        metric_of(first_runs),
        *outputs,
        labels,
        chapters.get(first_runs[0].record.job.chapter).margin,
        (first_runs[0].record.job.track, second_runs[0].record.job.track),
        [run.record.job.seed for run in first_runs],
        pairs,
    )
    return statistics.with_learning(judged, *outputs, labels)


def _difference_row(
    first: str, second: str, pairs: list[tuple[Run, Run]], compared: int, by_seed: list[float]
) -> DifferenceRow:
    margin = chapters.get(pairs[0][0].record.job.chapter).margin
    first_runs, second_runs = [first_run for first_run, _ in pairs], [second_run for _, second_run in pairs]
    difference = statistics.score_difference(
        metric_of(first_runs), logits_of(first_runs), logits_of(second_runs), first_runs[0].labels
    )
    return DifferenceRow(
        first=first,
        second=second,
        seeds=[first_run.record.job.seed for first_run, _ in pairs],
        difference=difference,
        margin=margin,
        within_margin=-margin < difference.low and difference.high < margin,
        disagreements=int((metrics.classes(logits_of(first_runs)) != metrics.classes(logits_of(second_runs))).sum()),
        predictions=sum(len(first_run.labels) for first_run, _ in pairs),
        verdict=verdict(first_runs, second_runs, compared),
        by_seed=by_seed,
    )


def same_start(runs: Sequence[Run]) -> SameStart:
    """Compare what the runs recorded of their inputs, seed by seed."""
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        by_seed.setdefault(run.record.job.seed, []).append(run)

    def same(what: str) -> bool:
        return all(
            getattr(run.record, what) == getattr(seed_runs[0].record, what)
            for seed_runs in by_seed.values()
            for run in seed_runs
        )

    return SameStart(
        data=len({run.record.data.fingerprint for run in runs}) == 1,
        initial_weights=same("initial_weights"),
        batches=same("batches"),
    )


def metric_of(runs: Sequence[Run]) -> str:
    """Return the name of the metric by which runs of this chapter are compared."""
    return chapters.get(runs[0].record.job.chapter).metric


def logits_of(runs: Sequence[Run]) -> np.ndarray:
    """Return test outputs (runs, examples, classes or 1)."""
    return np.stack([run.logits for run in runs])


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


def baseline_scores(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Fit the chapter's models of other kinds on the data that the runs saw; return their test metrics by name."""
    job = runs[0].record.job
    chapter = chapters.get(job.chapter)
    if not chapter.baselines:
        return {}
    from twotrack.shared.evaluation import baselines

    return baselines.scores(chapter.baselines, chapter.data(datasets.here(chapter.dataset, job.source)), job.examples)


def notes_on_data(runs: Sequence[Run]) -> tuple[DataNote, ...]:
    """Return what there is to say of the data that the runs saw."""
    job = runs[0].record.job
    chapter = chapters.get(job.chapter)
    dataset = chapter.data(datasets.here(chapter.dataset, job.source))
    return data_notes(dataset, chapter.metric, chapter.margin, job.examples)


def comparison_json(
    runs: Sequence[Run],
    failures: Sequence[TrackFailure],
    baselines: Mapping[str, Mapping[str, float]],
    ladder: "LadderRecord | None" = None,
    notes: Sequence[DataNote] = (),
) -> dict[str, Any]:
    """Return the whole comparison as JSON-ready data; the verification only if there was one."""
    from twotrack.shared.report.caveats import caveats, with_caveats

    differences = difference_rows(runs)
    return {
        "chapter": runs[0].record.job.chapter,
        "recipe": runs[0].record.job.recipe,
        "profile": profiles.describe(runs[0].record.job.switched),
        "replicas": runs[0].record.job.replicas,
        "metric": metric_of(runs),
        "runs": run_rows(runs),
        "tracks": [asdict(row) for row in track_rows(runs)],
        "verdict": with_caveats(statistics.summary([row.verdict for row in differences]), runs),
        "caveats": caveats(runs),
        "differences": [asdict(row) for row in differences],
        "data_notes": [asdict(note) for note in notes],
        "references": {name: dict(scores) for name, scores in baselines.items()},
        "same_start": asdict(same_start(runs)),
        "failures": [asdict(failure) for failure in failures],
        "exact": [asdict(pair) for pair in agreement.agreements(runs)],
    } | ({"verification": ladder.model_dump()} if ladder else {})


def comparison_text(
    runs: Sequence[Run], baselines: Mapping[str, Mapping[str, float]], notes: Sequence[DataNote] = ()
) -> str:
    """Return the comparison as a table in plain text."""
    from twotrack.shared.report.caveats import with_caveats

    metric = METRICS[metric_of(runs)]
    width = max(19, *(len(name) for name in baselines)) + 2 if baselines else 21
    lines = [f"{'track':<{width}}{metric.label:<26}{'parameters':>10}{'s/epoch':>9}{'examples/s':>12}{'peak MB':>9}"]
    for row in track_rows(runs):
        lines.append(
            f"{row.track:<{width}}{score_text(row.score):<26}{row.parameters:>10,}{row.epoch_seconds:>9.1f}"
            f"{row.examples_per_second:>12,.0f}{row.peak_memory / 1e6:>9,.0f}"
        )
    lines += [f"{name:<{width}}{scores[metric_of(runs)]:.4f} (scikit-learn)" for name, scores in baselines.items()]
    differences = difference_rows(runs)
    lines += [difference_text(row, metric) for row in differences]
    if runs[0].record.job.switched:
        lines.append(f"profile: {profiles.describe(runs[0].record.job.switched)}")
    if runs[0].record.job.replicas > 1:
        lines.append(f"each run on {runs[0].record.job.replicas} replicas")
    if differences:
        lines.append(f"verdict: {with_caveats(statistics.summary([row.verdict for row in differences]), runs)}")
    lines += [agreement.sentence(pair) for pair in agreement.agreements(runs)]
    if reason := agreement.why_not_exact(runs):
        lines.append(reason)
    lines += [f"data: {note.text}" for note in notes]
    return "\n".join(lines)


def score_text(estimate: Estimate) -> str:
    """Return a score with its interval."""
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def difference_text(row: DifferenceRow, metric: Metric) -> str:
    """Return one sentence about two tracks."""
    verdict = "within" if row.within_margin else "not shown to be within"
    unit = " points" if metric.in_points else f" {metric.label}"
    value, low, high, margin = difference_figures(row, metric)
    return (
        f"{row.first} minus {row.second}: {value}{unit} [{low}, {high}], {verdict} the margin of {margin}{unit}; "
        f"they disagree on {row.disagreements} of {row.predictions:,} predictions"
    )


def difference_figures(row: DifferenceRow, metric: Metric) -> tuple[str, str, str, str]:
    """Return difference, its interval's ends and the margin, in percentage points if that is the metric's custom."""
    scale, digits = (100, 2) if metric.in_points else (1, 4)
    ends = (row.difference.value, row.difference.low, row.difference.high)
    value, low, high = (f"{scale * end:+.{digits}f}" for end in ends)
    return value, low, high, f"{scale * row.margin:g}"
