"""What a worker does to time one runtime: open the model, warm it up, answer in rounds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twotrack.shared.errors import as_user_error
from twotrack.shared.export.check import difference
from twotrack.shared.export.formats import TIMED
from twotrack.shared.export.runtimes import Predict
from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.export.workflow import Artifact
from twotrack.shared.workers.task import task

BATCH_SIZES = (1, 32)
WARM_UP = 5
"""Calls per batch size before the first that counts."""
ROUND_SECONDS, FEWEST, MOST = 0.5, 4, 200
"""A round lasts so long at each batch size, and has at least and at most so many calls."""
_opened: dict[str, tuple[Predict, dict[int, dict[str, np.ndarray]]]] = {}
"""Of this process, by name: what answers, and its inputs by batch size."""


@dataclass(frozen=True)
class Opened:
    """A runtime that is ready."""

    load: float
    """Seconds."""
    first_call: float
    """Seconds of the first answer, at the least batch size."""
    differences: dict[int, float]
    """The largest of a probability from the run's, by batch size."""


@task
def open_and_warm_up(artifact: Artifact) -> Opened:
    """Load, answer once, compare, warm up."""
    form, subject = TIMED[artifact.format], ExportSubject.of(artifact.run)
    inputs = {size: subject.examples(size) for size in BATCH_SIZES}
    with as_user_error(f"{form.runtime} does not run the model"):
        start = time.perf_counter()
        predict = form.open(artifact.path, artifact.track)
        loaded = time.perf_counter()
        predict(inputs[BATCH_SIZES[0]])
        answered = time.perf_counter()
        differences = {size: difference(predict(inputs[size]), subject.probabilities(size)) for size in BATCH_SIZES}
        for size in BATCH_SIZES:
            _call(predict, inputs[size], WARM_UP)
    _opened[form.name] = predict, inputs
    return Opened(loaded - start, answered - loaded, differences)


@task
def time_round(name: str) -> dict[int, list[float]]:
    """Return the seconds of each call of one round of an opened format, by batch size."""
    predict, inputs = _opened[name]
    return {size: _round(predict, inputs[size]) for size in BATCH_SIZES}


def _round(predict: Predict, inputs: Mapping[str, np.ndarray]) -> list[float]:
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < ROUND_SECONDS and len(seconds) < MOST):
        seconds += _call(predict, inputs, 1)
    return seconds


def _call(predict: Predict, inputs: Mapping[str, np.ndarray], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        predict(inputs)
        seconds.append(time.perf_counter() - start)
    return seconds
