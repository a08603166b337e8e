"""A data set that export, prediction and serving have never heard of: nothing has to be added there for it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from tests.export import sums
from tests.support.jobs import run as do
from twotrack.shared.export.formats import FORMATS, TF_SERVING
from twotrack.shared.export.workflow import export
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.prediction import predict
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.processes import OnProgress, ignore
from twotrack.shared.workers.task import Task


class Knowing(WorkerPool):
    """The session's workers; in every task they know the data set and its chapter."""

    def __init__(self, workers: WorkerPool):
        super().__init__()
        self._workers = workers

    def call(
        self,
        track: str | None,
        task: Task,
        request: object,
        on_progress: OnProgress = ignore,
        role: str = "",
        replicas: int = 1,
    ) -> object:
        return self._workers.call(track, sums.TASKS[task.name], request, on_progress, role, replicas)


@pytest.fixture(scope="module")
def pool(workers: WorkerPool) -> Iterator[WorkerPool]:
    with sums.registered(), Knowing(workers) as pool:
        yield pool


@pytest.fixture(scope="module")
def run(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Run:
    (job,) = plan(
        TrainingRequest(sums.SLUG, ("torch",), device="cpu"), lambda *_: tmp_path_factory.mktemp("runs") / "run"
    )
    return do(pool, job)


LIKE_OTHERS = {"keras", "onnx"}
"""By default what each framework writes for a server stands for these; tests/export/test_formats.py has all formats."""


def by_hand(run: Run, rows: np.ndarray) -> np.ndarray:
    """The probability of the second class."""
    weights = run.weights
    hidden = np.tanh(rows / sums.SCALE @ weights["hidden.kernel"] + weights["hidden.bias"])
    return expit(hidden @ weights["logits.kernel"] + weights["logits.bias"])[:, 0]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LIKE_OTHERS else ()) for name in FORMATS]
)
def test_its_runs_can_be_exported_to_every_format(name: str, run: Run, pool: WorkerPool, tmp_path: Path):
    done = export(run.folder, name, tmp_path / f"out{FORMATS[name].suffix}", pool)

    assert 0 <= done.largest <= 1e-5
    assert max(done.compared.differences) >= 7


def test_a_client_sends_what_the_model_takes(run: Run, pool: WorkerPool, tmp_path: Path):
    export(run.folder, TF_SERVING, tmp_path, pool)

    (first, *_) = json.loads((tmp_path / sums.SLUG / "request.json").read_text())["instances"]
    expected = {name: values[0] / sums.SCALE for name, values in sums.read(run.record.job.source).test.inputs.items()}
    assert first.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, rtol=1e-6)


def test_examples_are_read_by_the_data_set_and_answered_with_its_classes(run: Run, pool: WorkerPool):
    given = ["1,2,3,4,5,6", "-10,0,0,0,0,3.5"]

    found = predict(run.folder, given, None, "cpu", pool=pool)

    large = by_hand(run, np.array([text.split(",") for text in given], float))
    assert [one.given for one in found] == given
    np.testing.assert_allclose([one.probabilities["large"] for one in found], large, rtol=1e-5)
    assert [one.class_name for one in found] == [sums.CLASS_NAMES[int(p > 0.5)] for p in large]
