"""Runs to export."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.jobs import run, train
from twotrack.shared.export.formats import FORMATS
from twotrack.shared.export.workflow import Exported, export
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.workers.pool import WorkerPool

CHAPTERS = {"mnist_cnn": "torch", "churn_lstm": "keras:tensorflow"}
"""By chapter the track of its run: images with several classes, and two inputs, loops and one logit."""


@pytest.fixture(scope="session")
def runs(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One run per chapter of CHAPTERS."""
    folder = tmp_path_factory.mktemp("runs")
    mnist = train(workers, folder / "mnist_cnn", "torch", settings={"filters": "4"})
    request = TrainingRequest("churn_lstm", ("keras:tensorflow",), epochs=1, examples=64, device="cpu")
    (job,) = plan(request, lambda *_: folder / "churn_lstm")
    return {"mnist_cnn": mnist, "churn_lstm": run(workers, job)}


@pytest.fixture(scope="session")
def exported(
    runs: dict[str, Run], workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Exported]:
    """Export the run of a chapter to a format, once, into a folder of its own."""

    @cache
    def exported(chapter: str, name: str) -> Exported:
        out = tmp_path_factory.mktemp("exported") / f"{chapter}{FORMATS[name].suffix}"
        return export(runs[chapter].folder, name, out, workers)

    return exported


@pytest.fixture(scope="session")
def served_runs(runs: dict[str, Run], workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The runs behind the served models, by model."""
    request = TrainingRequest("churn_mlp", ("torch",), epochs=1, examples=64, device="cpu")
    (job,) = plan(request, lambda *_: tmp_path_factory.mktemp("served_runs") / "churn_mlp")
    return runs | {"churn_mlp": run(workers, job)}


@pytest.fixture(scope="session")
def repository(served_runs: dict[str, Run], workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models for the server, one of them in two versions."""
    folder = tmp_path_factory.mktemp("served") / "models"
    for made in (*served_runs.values(), served_runs["mnist_cnn"]):
        publish(made, folder, workers)
    return folder


def publish(run: Run, folder: Path, workers: WorkerPool, model: str | None = None) -> Path:
    """Export a run for the server; return its version."""
    return export(run.folder, "tf-serving", folder, workers, model=model).out
