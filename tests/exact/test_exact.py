"""`--exact`: in float64 and without dropout, what tracks differ by after a whole epoch is rounding, all included.

Batches, schedule, stages, frozen parts, features and validation are those of every run.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.bert import folders
from tests.exact import tasks
from tests.support import staged
from tests.support.jobs import run
from tests.support.turns import quickest_alone
from twotrack.shared.runs.agreement import agreements, sentence
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import Run, read
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

OTHERS = [track for track in TRACKS if track != "torch"]


def job(folder: Path, chapter: str, track: str, **changes: object) -> Job:
    asked = {"epochs": 1, "device": "cpu", "exact": True} | changes
    (planned,) = plan(TrainingRequest(chapter, (track,), **asked), lambda *_: folder / track.replace(":", "-"))
    return planned


@pytest.fixture(scope="module")
def whole_epoch(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Exact runs of one epoch over all customers: 77 steps of a one-cycle schedule, dropout of 0.2 left out."""
    folder = tmp_path_factory.mktemp("epoch")
    return cache(lambda track: run(workers, job(folder, "churn_mlp", track)))


@pytest.mark.parametrize("track", OTHERS)
def test_a_whole_epoch_of_a_chapter_leaves_rounding(whole_epoch: Callable[[str], Run], track: str) -> None:
    torch, keras = whole_epoch("torch"), whole_epoch(track)

    (pair,) = agreements([torch, keras])

    assert (pair.first, pair.second, pair.steps, pair.within) == ("torch", track, 77, True), sentence(pair)
    assert pair.difference < 1e-12
    assert keras.record.batches == torch.record.batches
    assert keras.history["learning_rate"] == torch.history["learning_rate"]


@pytest.mark.parametrize("track", quickest_alone())
def test_two_stages_with_frozen_parts_and_features_leave_rounding(
    workers: WorkerPool, tmp_path: Path, track: str
) -> None:
    weights = str(folders.write(tmp_path / "small"))
    runs = []
    with staged.staged():
        asked = {"recipe": staged.RECIPE, "settings": staged.settings(weights), "examples": 160, "epochs": 2}
        for name in ("torch", track):
            planned = job(tmp_path, staged.SLUG, name, **asked)
            workers.call(name, tasks.train_staged, planned)
            runs.append(read(planned.folder))

        (pair,) = agreements(runs)

    assert [epoch.trained for epoch in runs[0].record.epochs] == ["head", "head", "last_block", "last_block"]
    assert pair.within, sentence(pair)


@pytest.mark.parametrize("fault", ["last learning rate off", "stale targets", "biases do not decay"])
def test_a_fault_in_one_track_is_more_than_rounding(
    workers: WorkerPool, whole_epoch: Callable[[str], Run], tmp_path: Path, fault: str
) -> None:
    planned = job(tmp_path, "churn_mlp", "keras:tensorflow")
    workers.call("keras:tensorflow", tasks.train_with_fault, tasks.Planted(planned, fault))

    (pair,) = agreements([whole_epoch("torch"), read(planned.folder)])

    assert not pair.within
    assert "beyond 1e-09" in sentence(pair)


def test_runs_that_are_not_exact_are_not_held_to_rounding(workers: WorkerPool, tmp_path: Path) -> None:
    first = run(workers, job(tmp_path, "neuron", "torch", examples=256, exact=False))

    assert agreements([first, first]) == []


def test_an_exact_run_says_so_and_is_in_float64(whole_epoch: Callable[[str], Run]) -> None:
    trained = whole_epoch("torch")

    assert trained.record.job.exact
    assert {array.dtype.name for array in trained.weights.values()} == {"float64"}
    assert trained.logits.dtype.name == "float64"
