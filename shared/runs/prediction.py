"""What a finished run's model says, on whichever track: of examples of the user's own, or of the test split again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

from twotrack.shared import chapters, datasets
from twotrack.shared.base.tolerances import PREDICTIONS_LIMIT
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.datasets.files import write_arrays
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.fitting import in_batches
from twotrack.shared.runs.output_file import require_output
from twotrack.shared.runs.run_folder import PREDICTIONS, Run, read, unwritable
from twotrack.shared.spec import profiles
from twotrack.shared.spec.inputs import Inputs
from twotrack.shared.spec.track import installed_track
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.task import Answer, Report, Task, task

OnPhase = Callable[[str], None]
ModelRequest = TypeVar("ModelRequest", bound="RunModel")


@dataclass(frozen=True)
class Prediction:
    """One example's answer."""

    given: str
    class_name: str
    probability: float
    """Of that class, the most probable one."""
    probabilities: dict[str, float]
    """By class name."""
    note: str
    """What was assumed of the example; empty if nothing."""


@dataclass(frozen=True)
class Repetition:
    """The test split predicted again, beside the predictions that the run has stored."""

    track: str
    """That predicted now."""
    run_track: str
    examples: int
    difference: float
    """The largest of the probabilities."""
    limit: float
    same: bool
    """The difference is within the limit."""
    other_classes: int
    """Examples to which the two give different classes."""
    test: dict[str, float]
    """Metrics of what was predicted now."""


@dataclass(frozen=True)
class RunModel:
    """A run's model, on a track."""

    run: Path
    track: str
    device: str


@dataclass(frozen=True)
class ExamplesRequest(RunModel):
    """Examples of the user's own for a model."""

    given: tuple[str, ...]


@dataclass(frozen=True)
class SplitRequest(RunModel):
    """The run's test split for a model."""

    out: Path
    """The .npz file for logits and labels."""


def predict(
    folder: Path,
    given: Sequence[str],
    track: str | None,
    device: str,
    on_phase: OnPhase = lambda _: None,
    pool: WorkerPool | None = None,
) -> list[Prediction]:
    """Return the prediction for each example, on the run's own track if none is named.

    Raises UserError for a folder that is no run, and for examples that the chapter's data set cannot read.
    """
    job = read(folder).record.job
    datasets.require_examples(chapters.get(job.chapter).dataset, job.source, given)
    return _call(
        predict_examples, ExamplesRequest(folder.absolute(), track or job.track, device, tuple(given)), on_phase, pool
    )


def repeat(
    folder: Path,
    track: str | None,
    device: str,
    out: Path | None,
    on_phase: OnPhase = lambda _: None,
    pool: WorkerPool | None = None,
) -> Repetition:
    """Predict the run's test split, on its own track if none is named, and compare with what the run has stored.

    Writes logits and labels to `out`, as the run folder has them, if it is named. Raises UserError for a folder that
    is no run, for data that are not those of the run, and for a file that cannot be written.
    """
    run = read(folder)
    chosen = track or run.record.job.track
    if out:
        require_output(out, [""])
    with TemporaryDirectory() as temporary:
        predictions = Path(temporary, PREDICTIONS)
        _call(predict_test, SplitRequest(folder.absolute(), chosen, device, predictions), on_phase, pool)
        with np.load(predictions, allow_pickle=False) as archive:
            logits = archive["logits"]
    if out:
        try:
            write_arrays(out, {"logits": logits, "labels": run.labels})
        except OSError as error:
            raise unwritable(out.parent, error) from error
    return _compare(run, chosen, logits)


def _compare(run: Run, track: str, logits: np.ndarray) -> Repetition:
    difference = float(np.abs(metrics.probabilities(logits) - metrics.probabilities(run.logits)).max())
    return Repetition(
        track=track,
        run_track=run.record.job.track,
        examples=len(logits),
        difference=difference,
        limit=PREDICTIONS_LIMIT,
        same=difference <= PREDICTIONS_LIMIT,
        other_classes=int((metrics.classes(logits) != metrics.classes(run.logits)).sum()),
        test=metrics.evaluate(logits, run.labels),
    )


def _call(
    work: Task[ModelRequest, Answer], request: ModelRequest, on_phase: OnPhase, pool: WorkerPool | None
) -> Answer:
    installed_track(request.track)
    with lent_or_new(pool, request.device) as workers:
        return workers.call(request.track, work, request, lambda progress: on_phase(progress.phase))


@task
def predict_examples(request: ExamplesRequest, report: Report) -> list[Prediction]:
    """Build the run's model, load its weights, predict examples of the user's own."""
    run, dataset = _open(request, report)
    chapter = run.record.job.variant.chapter
    examples = datasets.examples(chapter.dataset, request.given, chapter.features)
    probabilities = metrics.probabilities(_logits(request, report, run, dataset, examples.inputs))
    notes = examples.notes or [""] * len(examples.names)
    return [
        _answer(name, note, row, dataset.class_names)
        for name, note, row in zip(examples.names, notes, probabilities, strict=True)
    ]


@task
def predict_test(request: SplitRequest, report: Report) -> None:
    """Build the run's model, load its weights, write its predictions of the test split."""
    run, dataset = _open(request, report)
    if dataset.fingerprint != run.record.data.fingerprint:
        raise UserError(
            f"the data '{dataset.source}' are not those of the run: expected the fingerprint "
            f"{run.record.data.fingerprint}, found {dataset.fingerprint}; give the run's data their place back."
        )
    logits = _logits(request, report, run, dataset, dataset.test.inputs)
    write_arrays(request.out, {"logits": logits, "labels": dataset.test.labels})


def _open(request: RunModel, report: Report) -> tuple[Run, Dataset]:
    """Return the run and its data, prepared for its model."""
    report("starting", {})
    run = read(request.run)
    job, variant = run.record.job, run.record.job.variant
    return run, variant.data(datasets.here(variant.chapter.dataset, job.source))


def _logits(request: RunModel, report: Report, run: Run, dataset: Dataset, stored: Inputs) -> np.ndarray:
    """Return the outputs of the run's model, on the track that is asked for, for stored inputs."""
    job, variant = run.record.job, run.record.job.variant
    profiles.require_outputs(run.record.switched, job.track, request.track)
    report("building", {})
    track = open_track(request.track, request.device)
    model = track.build(whole_pair(variant), job.seed, switched=run.record.switched)
    model.load_weights(run.weights)
    report("predicting", {})
    return in_batches(model.predict, dataset, stored, variant.chapter.predict_batch)


def _answer(given: str, note: str, probabilities: np.ndarray, class_names: Sequence[str]) -> Prediction:
    by_class = dict(zip(class_names, map(float, probabilities), strict=True))
    best = max(by_class, key=by_class.__getitem__)
    return Prediction(given, best, by_class[best], by_class, note)
