"""Runs to export, and the session's workers in place of an export's own."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import train
from tests.support.workers import Workers
from twotrack.shared.export.formats import FORMATS
from twotrack.shared.export.workflow import Exported, export
from twotrack.shared.harness.comparison import Request, plan
from twotrack.shared.harness.run_folder import Run, read

CHAPTERS = {"mnist_cnn": "torch", "churn_lstm": "keras:tensorflow"}
"""By chapter the track of its run: images with several classes, and two inputs, loops and one logit."""


class SharedWorkers:
    """The session's workers, each of which both writes and reloads.

    What is checked without a framework is checked in a worker that no other test has let import one.
    """

    def __init__(self, workers: Workers, bare: Workers):
        self._workers, self._bare = workers, bare

    def __enter__(self) -> "SharedWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the workers to the session."""

    def call(self, purpose: str, track: str | None, task: str, arguments: Mapping[str, Any]) -> Any:
        return (self._workers if track else self._bare).call(track, task, **arguments)


@pytest.fixture(scope="session")
def exporters(workers: Workers) -> Iterator[SharedWorkers]:
    with Workers() as bare:
        yield SharedWorkers(workers, bare)


@pytest.fixture(scope="session")
def runs(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One run per chapter of CHAPTERS."""
    folder = tmp_path_factory.mktemp("runs")
    mnist = train(workers, folder / "mnist_cnn", "torch", settings={"filters": "4"})
    request = Request("churn_lstm", ("keras:tensorflow",), epochs=1, examples=64, device="cpu")
    (job,) = plan(request, lambda *_: folder / "churn_lstm")
    workers.call("keras:tensorflow", "twotrack.shared.harness.training:train", **job.model_dump(mode="json"))
    return {"mnist_cnn": mnist, "churn_lstm": read(job.folder)}


@pytest.fixture(scope="session")
def exported(
    runs: dict[str, Run], exporters: SharedWorkers, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Exported]:
    """Export the run of a chapter to a format, once, into a folder of its own."""

    @cache
    def exported(chapter: str, name: str) -> Exported:
        out = tmp_path_factory.mktemp("exported") / f"{chapter}{FORMATS[name].suffix}"
        return export(runs[chapter].folder, name, out, exporters)

    return exported


@pytest.fixture(scope="session")
def served_runs(runs: dict[str, Run], workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The runs behind the served models, by model."""
    request = Request("churn_mlp", ("torch",), epochs=1, examples=64, device="cpu")
    (job,) = plan(request, lambda *_: tmp_path_factory.mktemp("served_runs") / "churn_mlp")
    workers.call("torch", "twotrack.shared.harness.training:train", **job.model_dump(mode="json"))
    return runs | {"churn_mlp": read(job.folder)}


@pytest.fixture(scope="session")
def repository(served_runs: dict[str, Run], exporters: SharedWorkers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models for the server, one of them in two versions."""
    folder = tmp_path_factory.mktemp("served") / "models"
    for run in (*served_runs.values(), served_runs["mnist_cnn"]):
        publish(run, folder, exporters)
    return folder


def publish(run: Run, folder: Path, exporters: SharedWorkers, model: str | None = None) -> Path:
    """Export a run for the server; return its version."""
    return export(run.folder, "tf-serving", folder, exporters, model=model).out
