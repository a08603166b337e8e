"""A seed gives what Keras' own seeding gives, without what its backend does not need."""

from pathlib import Path

import pytest

from tests.runs import seeding_tasks
from tests.runs.seeding_tasks import Seed
from tests.support.jobs import train
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

KERAS_TRACKS = [track for track in TRACKS if track != "torch"]


@pytest.mark.parametrize("track", KERAS_TRACKS)
def test_draws_are_those_after_keras_own_seeding(track: str, workers: WorkerPool):
    drawn = {
        (way, seed): workers.call(track, seeding_tasks.draws, Seed(way, seed))
        for way in ("keras", "twotrack")
        for seed in (3, 4)
    }

    assert drawn["twotrack", 3] == drawn["keras", 3]
    assert drawn["twotrack", 4] == drawn["keras", 4]
    assert drawn["twotrack", 3] != drawn["twotrack", 4]


def test_a_run_of_keras_imports_no_other_backend_and_nothing_for_plots(tmp_path: Path):
    with WorkerPool("cpu") as fresh:
        train(fresh, tmp_path / "run", "keras:torch")
        loaded = fresh.call("keras:torch", seeding_tasks.modules, None)

    assert {"keras", "torch"} <= set(loaded)
    assert not {"tensorflow", "jax", "matplotlib"} & set(loaded)
