"""Runs to export."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.jobs import run, train
from tests.support.once import made_once
from twotrack.shared.export.formats import FORMATS
from twotrack.shared.export.workflow import Exported, export
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.workers.pool import WorkerPool

CHAPTERS = {"mnist_cnn": "torch", "churn_lstm": "keras:tensorflow"}
"""By chapter the track of its run: images with several classes, and two inputs, loops and one logit."""


@pytest.fixture(scope="session")
def trained(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run per chapter of CHAPTERS, and of one whose examples are rows of a table."""

    def make(folder: Path) -> None:
        train(workers, folder / "mnist_cnn", "torch", settings={"filters": "4"})
        for chapter, track in (("churn_lstm", CHAPTERS["churn_lstm"]), ("churn_mlp", "torch")):
            request = TrainingRequest(chapter, (track,), epochs=1, examples=64, device="cpu")
            (job,) = plan(request, lambda *_, chapter=chapter: folder / chapter)
            run(workers, job)

    return made_once(tmp_path_factory, "exported_runs", make)


@pytest.fixture(scope="session")
def runs(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One run per chapter of CHAPTERS, in folders of this process: exports and latencies are noted there."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: read(Path(shutil.copytree(trained / name, folder / name))) for name in CHAPTERS}


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
def served_runs(trained: Path) -> dict[str, Run]:
    """The runs behind the served models, by model."""
    return {name: read(trained / name) for name in (*CHAPTERS, "churn_mlp")}


@pytest.fixture(scope="session")
def repository(
    served_runs: dict[str, Run], trained: Path, workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Three models for the server, one of them in two versions."""

    def make(folder: Path) -> None:
        for made in (*served_runs.values(), served_runs["mnist_cnn"]):
            publish(made, folder / "models", workers)

    return made_once(tmp_path_factory, "served", make) / "models"


def publish(run: Run, folder: Path, workers: WorkerPool, model: str | None = None) -> Path:
    """Export a run for the server; return its version."""
    return export(run.folder, "tf-serving", folder, workers, model=model).out
