"""What a finished run's model says, on whichever track: of examples of the user's own, or of the test split again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from twotrack.shared import chapters, datasets, metrics, profiles
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.datasets.files import write_arrays
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.harness.fitting import Report, in_batches
from twotrack.shared.harness.processes import Worker
from twotrack.shared.harness.run_folder import PREDICTIONS, Run, read, unwritable
from twotrack.shared.inputs import Inputs
from twotrack.shared.track import installed_track, open_track
from twotrack.shared.verify.tolerances import PREDICTIONS_LIMIT

OnPhase = Callable[[str], None]


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


def predict(
    folder: Path, given: Sequence[str], track: str | None, device: str, on_phase: OnPhase = lambda _: None
) -> list[Prediction]:
    """Return the prediction for each example, on the run's own track if none is named.

    Raises UserError for a folder that is no run, and for examples that the chapter's data set cannot read.
    """
    job = read(folder).record.job
    datasets.require_examples(chapters.get(job.chapter).dataset, given)
    answers = _call("examples_task", folder, track or job.track, device, on_phase, given=list(given))
    return [Prediction(**answer) for answer in answers]


def repeat(
    folder: Path, track: str | None, device: str, out: Path | None, on_phase: OnPhase = lambda _: None
) -> Repetition:
    """Predict the run's test split, on its own track if none is named, and compare with what the run has stored.

    Writes logits and labels to `out`, as the run folder has them, if it is named. Raises UserError for a folder that
    is no run, for data that are not those of the run, and for a file that cannot be written.
    """
    run = read(folder)
    chosen = track or run.record.job.track
    if out and not out.parent.is_dir():
        raise UserError(f"--out: the folder '{out.parent}' does not exist; create it or choose another one.")
    with TemporaryDirectory() as temporary:
        made = Path(temporary, PREDICTIONS)
        _call("test_task", folder, chosen, device, on_phase, out=str(made))
        with np.load(made, allow_pickle=False) as archive:
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


def _call(task: str, folder: Path, track: str, device: str, on_phase: OnPhase, **more: Any) -> Any:
    installed_track(track)
    arguments = {"folder": str(folder), "track": track, "device": device, **more}
    with Worker(track, device) as worker:
        return worker.call(f"{__name__}:{task}", arguments, lambda figures: on_phase(figures["phase"]))


def examples_task(arguments: Mapping[str, Any], report: Report) -> list[dict[str, Any]]:
    """Worker task: build the run's model, load its weights, predict examples of the user's own."""
    run, dataset = _open(arguments, report)
    chapter = chapters.get(run.record.job.chapter)
    examples = datasets.examples(chapter.dataset, arguments["given"], chapter.features)
    probabilities = metrics.probabilities(_logits(arguments, report, run, dataset, examples.inputs))
    notes = examples.notes or [""] * len(examples.names)
    return [
        _answer(name, note, row, dataset.class_names)
        for name, note, row in zip(examples.names, notes, probabilities, strict=True)
    ]


def test_task(arguments: Mapping[str, Any], report: Report) -> None:
    """Worker task: build the run's model, load its weights, write its predictions of the test split."""
    run, dataset = _open(arguments, report)
    if dataset.fingerprint != run.record.data.fingerprint:
        raise UserError(
            f"the data '{dataset.source}' are not those of the run: expected the fingerprint "
            f"{run.record.data.fingerprint}, found {dataset.fingerprint}; give the run's data their place back."
        )
    logits = _logits(arguments, report, run, dataset, dataset.test.inputs)
    write_arrays(Path(arguments["out"]), {"logits": logits, "labels": dataset.test.labels})


def _open(arguments: Mapping[str, Any], report: Report) -> tuple[Run, Dataset]:
    """Return the run and its data, prepared for its model."""
    report("starting", {})
    run = read(Path(arguments["folder"]))
    job = run.record.job
    chapter = chapters.get(job.chapter)
    return run, chapter.data(datasets.here(chapter.dataset, job.source), chapter.configure(job.settings))


def _logits(arguments: Mapping[str, Any], report: Report, run: Run, dataset: Dataset, stored: Inputs) -> np.ndarray:
    """Return the outputs of the run's model, on the track of `arguments`, for stored inputs."""
    job = run.record.job
    chapter = chapters.get(job.chapter)
    profiles.require_outputs(run.record.switched, job.track, arguments["track"])
    report("building", {})
    track = open_track(arguments["track"], arguments["device"])
    model = track.build(whole_pair(chapter, chapter.configure(job.settings)), job.seed, switched=run.record.switched)
    model.load_weights(run.weights)
    report("predicting", {})
    return in_batches(model.predict, dataset, stored, chapter.predict_batch)


def _answer(given: str, note: str, probabilities: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    by_class = dict(zip(class_names, map(float, probabilities), strict=True))
    best = max(by_class, key=by_class.get)
    return {
        "given": given,
        "class_name": best,
        "probability": by_class[best],
        "probabilities": by_class,
        "note": note,
    }
