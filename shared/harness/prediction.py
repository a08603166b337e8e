"""What a finished run's model says of examples of the user's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import chapters, datasets, metrics
from shared.harness.fitting import Report, in_batches
from shared.harness.processes import Worker
from shared.harness.run_folder import read
from shared.track import installed_track, open_track

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


def predict(
    folder: Path, given: Sequence[str], track: str | None, device: str, on_phase: OnPhase = lambda _: None
) -> list[Prediction]:
    """Return the prediction for each example, on the run's own track if none is named.

    Raises UserError for a folder that is no run, and for examples that the chapter's data set cannot read.
    """
    job = read(folder).record.job
    datasets.require_examples(chapters.get(job.chapter).dataset, given)
    chosen = track or job.track
    installed_track(chosen)
    arguments = {"folder": str(folder), "given": list(given), "track": chosen, "device": device}
    with Worker(chosen, device) as worker:
        answers = worker.call(f"{__name__}:task", arguments, lambda figures: on_phase(figures["phase"]))
    return [Prediction(**answer) for answer in answers]


def task(arguments: Mapping[str, Any], report: Report) -> list[dict[str, Any]]:
    """Worker task: build the run's model, load its weights, predict."""
    report("starting", {})
    run = read(Path(arguments["folder"]))
    job = run.record.job
    chapter = chapters.get(job.chapter)
    config = chapter.configure(job.settings)
    dataset = chapter.data(datasets.here(chapter.dataset, job.source), config)
    stored = datasets.examples(chapter.dataset, arguments["given"])
    report("building", {})
    model = open_track(arguments["track"], arguments["device"]).build(chapter, config, job.seed)
    model.load_weights(run.weights)
    report("predicting", {})
    logits = in_batches(model.predict, dataset, stored, chapter.predict_batch)
    return [
        _answer(given, probabilities, dataset.class_names)
        for given, probabilities in zip(arguments["given"], metrics.probabilities(logits), strict=True)
    ]


def _answer(given: str, probabilities: Sequence[float], class_names: Sequence[str]) -> dict[str, Any]:
    by_class = dict(zip(class_names, map(float, probabilities), strict=True))
    best = max(by_class, key=by_class.get)
    return {"given": given, "class_name": best, "probability": by_class[best], "probabilities": by_class}
