"""A seed gives what Keras' own seeding gives, without TensorFlow where it is not the backend."""

from pathlib import Path

import pytest

from tests.support.jobs import train
from tests.support.workers import Workers
from twotrack.shared.track import TRACKS

KERAS_TRACKS = [track for track in TRACKS if track != "torch"]


@pytest.mark.parametrize("track", KERAS_TRACKS)
def test_draws_are_those_after_keras_own_seeding(track: str, workers: Workers):
    drawn = {
        (way, seed): workers.call(track, "tests.harness.seeding_tasks:draws", way=way, seed=seed)
        for way in ("keras", "twotrack")
        for seed in (3, 4)
    }

    assert drawn["twotrack", 3] == drawn["keras", 3]
    assert drawn["twotrack", 4] == drawn["keras", 4]
    assert drawn["twotrack", 3] != drawn["twotrack", 4]


def test_a_run_of_keras_on_another_backend_does_not_import_tensorflow(tmp_path: Path):
    with Workers() as fresh:
        train(fresh, tmp_path / "run", "keras:torch")
        loaded = fresh.call("keras:torch", "tests.harness.seeding_tasks:modules")

    assert {"keras", "torch"} <= set(loaded)
    assert "tensorflow" not in loaded
