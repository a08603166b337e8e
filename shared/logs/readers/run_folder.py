"""twotrack's own run folders as logs: every step's loss and learning rate, every epoch's validation."""

from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.logs.series import Log, Series, make_series
from twotrack.shared.runs.records import RunRecord
from twotrack.shared.runs.run_folder import HISTORY, RECORD, Run
from twotrack.shared.runs.run_folder import read as read_run


def is_run(folder: Path) -> bool:
    """Tell whether the folder is one that `run` or `compare` left."""
    return (folder / RECORD).is_file() and (folder / HISTORY).is_file()


def read(folder: Path) -> Log:
    """Read a run as a log, with its record as the settings; UserError if the run is damaged."""
    run = read_run(folder)
    return Log(folder, "twotrack run", _series(run), _settings(run), (RECORD,))


def _series(run: Run) -> dict[str, Series]:
    record = run.record
    steps = [float(step + 1) for step in range(record.steps)]
    found = {
        name: make_series(values, steps, None) for name, values in run.history.items() if len(values) == len(steps)
    }
    at, epochs = _ends(record), [float(epoch.epoch) for epoch in record.epochs]
    metric = chapters.get(record.job.chapter).metric
    for name, field in (("val_loss", "validation_loss"), (f"val_{metric}", "validation_metric")):
        values = [float(getattr(epoch, field)) for epoch in record.epochs]
        found[name] = make_series(values, [float(step) for step in at], epochs)
    return found


def _ends(record: RunRecord) -> list[int]:
    """Return the step at which each epoch ended; of a run that was stopped within one, those before it."""
    sizes = {"head": (record.recipe.get("head_first") or record.recipe)["batch_size"]}
    counts = [epoch.examples // sizes.get(epoch.trained, record.recipe["batch_size"]) for epoch in record.epochs]
    return [sum(counts[: number + 1]) for number in range(len(counts))]


def _settings(run: Run) -> dict[str, Any]:
    record = run.record
    job = record.job
    return {
        "chapter": job.chapter,
        "track": job.track,
        "seed": job.seed,
        "precision": job.trains_in,
        "device": record.device,
        "data": record.data.fingerprint,
        "train_examples": record.data.train,
        "batches": record.batches,
        "model": record.config,
        "recipe": record.recipe,
        "packages": record.environment.get("packages", {}),
        "python": record.environment.get("python", ""),
    }
