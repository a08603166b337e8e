"""What stands in a version beside the SavedModel: what it must answer, and the requests that warm the server up."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from twotrack.shared import __version__
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.export.tf_serving import expected, prediction_log
from twotrack.shared.export.tf_serving.expected import Expected, Origin
from twotrack.shared.export.tf_serving.folders import BATCH_SIZES, WARM_UP
from twotrack.shared.export.tf_serving.prediction_log import LoggedRequest
from twotrack.shared.runs.run_folder import WEIGHTS


def example_rows(subject: ExportSubject) -> np.ndarray:
    """Return the test examples (rows,) by which a version is judged."""
    return np.resize(np.arange(len(subject.dataset.test)), expected.EXAMPLES)


def write_requests(
    subject: ExportSubject, rows: np.ndarray, requests: Sequence[LoggedRequest], path: Path, note: str = ""
) -> None:
    """Write into a version what it must answer to requests for these examples, and those that warm the server up.

    `note` is what a reader of SERVING.md should know of the model.
    """
    expected.write(Expected(_origin(subject, note), list(requests), subject.probabilities_of(rows)), path)
    prediction_log.write(path / WARM_UP, path.parents[1].name, _warm_up(requests))


def _origin(subject: ExportSubject, note: str) -> Origin:
    record = subject.run.record
    return Origin(
        twotrack=__version__,
        chapter=record.job.chapter,
        run=subject.run.folder.name,
        track=record.job.track,
        weights=record.files[WEIGHTS],
        class_names=list(subject.dataset.class_names),
        note=note,
    )


def _warm_up(requests: Iterable[LoggedRequest]) -> list[LoggedRequest]:
    """Return requests to `predict` in every size that the server makes of batches."""
    return [request.first(size) for request in requests if request.is_predict for size in BATCH_SIZES]
