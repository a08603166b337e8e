"""What a worker does to time one runtime: open the model, warm it up, answer in rounds."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.errors import as_user_error
from twotrack.shared.export.check import difference
from twotrack.shared.export.formats import TIMED
from twotrack.shared.export.names import resolve
from twotrack.shared.export.runtimes import Predict
from twotrack.shared.export.subject import Subject

BATCH_SIZES = (1, 32)
WARM_UP = 5
"""Calls per batch size before the first that counts."""
ROUND_SECONDS, FEWEST, MOST = 0.5, 4, 200
"""A round lasts so long at each batch size, and has at least and at most so many calls."""
_opened: dict[str, tuple[Predict, dict[int, dict[str, np.ndarray]]]] = {}
"""Of this process, by name: what answers, and its inputs by batch size."""


def open_task(arguments: Mapping[str, Any], report: object) -> dict[str, Any]:
    """Worker task: load, answer once, compare, warm up; return seconds and the differences by batch size."""
    form, subject = TIMED[arguments["format"]], Subject.of(Path(arguments["run"]))
    inputs = {size: subject.examples(size) for size in BATCH_SIZES}
    with as_user_error(f"{form.runtime} does not run the model"):
        start = time.perf_counter()
        predict = resolve(form.open)(Path(arguments["path"]), arguments["track"])
        loaded = time.perf_counter()
        predict(inputs[BATCH_SIZES[0]])
        answered = time.perf_counter()
        differences = {size: difference(predict(inputs[size]), subject.probabilities(size)) for size in BATCH_SIZES}
        for size in BATCH_SIZES:
            _call(predict, inputs[size], WARM_UP)
    _opened[form.name] = predict, inputs
    return {"load": loaded - start, "first_call": answered - loaded, "differences": differences}


def round_task(arguments: Mapping[str, Any], report: object) -> dict[int, list[float]]:
    """Worker task: return the seconds of each call of one round, by batch size."""
    predict, inputs = _opened[arguments["format"]]
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
