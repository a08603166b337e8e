"""`twotrack export --format tf-serving`: write a version, pass the gate, take the next number."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared import __version__
from shared.errors import UserError, as_user_error
from shared.export.subject import Subject
from shared.export.tf_serving import expected, guide, prediction_log, publishing
from shared.export.tf_serving.expected import Expected, Origin
from shared.export.tf_serving.gate import Check
from shared.export.tf_serving.prediction_log import Request
from shared.export.workers import Workers
from shared.harness.run_folder import WEIGHTS

TRACK = "keras:tensorflow"
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """A version that passed the gate."""

    version: Path
    checks: list[Check]


def publish(run: Path, folder: Path, model: str, workers: Workers, on_step: OnStep) -> Published:
    """Write the next version of `model` into a folder of models; nothing is left of one that the gate refuses.

    Raises UserError with the reason if it refuses, or if the folder cannot be written.
    """
    publishing.require_name(model)
    publishing.require_folder(folder)
    with publishing.new_version(folder / model) as version:
        on_step("writing the SavedModel")
        arguments = {"run": str(run), "version": str(version), "model": model}
        workers.call("write", TRACK, f"{__name__}:write_task", arguments)
        checks = check(version, workers, on_step)
        require_passed(checks)
    guide.write_example(folder / model, expected.read(folder / model / version.name))
    publishing.write_configuration(folder)
    guide.write(folder)
    return Published(folder / model / version.name, checks)


def check_all(folder: Path, workers: Workers, on_step: OnStep) -> dict[Path, list[Check]]:
    """Check every version in a folder of models, of a model, or the version itself; UserError if there is none."""
    versions = publishing.all_versions(folder)
    if not versions:
        raise UserError(f"'{folder}': expected a folder of exported models, a model or a version of one, found none.")
    return {version: check(version.resolve(), workers, on_step) for version in versions}


def check(version: Path, workers: Workers, on_step: OnStep) -> list[Check]:
    """Let a process that has not imported TensorFlow's Python check a version."""
    on_step(f"checking {version.parent.name}/{version.name} in the server's own runtime")
    found = workers.call("gate", None, "shared.export.tf_serving.gate:task", {"version": str(version)})
    return [Check(**one) for one in found]


def require_passed(checks: Iterable[Check]) -> None:
    """Raise UserError with the reason if a check refused."""
    for one in checks:
        if one.state == "refused":
            raise UserError(f"the export does not pass the gate: {one.name}: {one.detail}; nothing was written.")


def write_task(arguments: Mapping[str, Any], report: object) -> None:
    """Worker task: write the SavedModel, what it must answer, and the warm-up file."""
    from keras_track import serving

    subject, version = Subject.of(Path(arguments["run"])), Path(arguments["version"])
    dataset = subject.dataset
    rows = np.resize(np.arange(len(dataset.test)), expected.EXAMPLES)
    with as_user_error("no SavedModel can be written of this model"):
        serving.write(subject.model(TRACK).model, dataset, version)
    requests = serving.requests(dataset, dataset.test.take(rows).inputs)
    wanted = Expected(_origin(subject), requests, subject.probabilities_of(rows))
    expected.write(wanted, version)
    prediction_log.write(version / publishing.WARM_UP, arguments["model"], _warm_up(requests))


def _origin(subject: Subject) -> Origin:
    record = subject.run.record
    return Origin(
        twotrack=__version__,
        chapter=record.job.chapter,
        run=subject.run.folder.name,
        track=record.job.track,
        weights=record.files[WEIGHTS],
        class_names=list(subject.dataset.class_names),
    )


def _warm_up(requests: Iterable[Request]) -> list[Request]:
    """Return requests to `predict` in every size that the server makes of batches."""
    return [request.first(size) for request in requests if request.is_predict for size in publishing.BATCH_SIZES]
