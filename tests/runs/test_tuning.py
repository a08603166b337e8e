"""The tuned form of a track does the same steps: in float64 weights and losses stay equal to rounding."""

import numpy as np
import pytest

from tests.runs import tuning_tasks
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.spec.tuning import FASTEST, Tuning
from twotrack.shared.workers.pool import WorkerPool


def test_only_tracks_with_something_to_switch_on_are_tuned():
    assert set(FASTEST) <= set(TRACKS)
    assert Tuning().words == "as it is"
    assert {track: tuning.words for track, tuning in FASTEST.items()} == {
        "torch": "channels_last, fused",
        "keras:tensorflow": "xla",
    }


@pytest.mark.parametrize("optimizer", ["adamw", "nesterov"])
@pytest.mark.parametrize("track", ["torch", pytest.param("keras:tensorflow", marks=pytest.mark.slow)])
def test_a_trajectory_in_float64_is_that_of_the_track_as_it_is(track: str, optimizer: str):
    """In a process of its own, which a tuned step may leave other than it was."""
    with WorkerPool("cpu") as workers:
        plain, tuned = (
            workers.call(track, tuning_tasks.trajectory, tuning_tasks.Asked(track, optimizer, tuning))
            for tuning in (Tuning(), FASTEST[track])
        )

    np.testing.assert_allclose(tuned.losses, plain.losses, rtol=1e-9)
    assert tuned.weights.keys() == plain.weights.keys()
    for name, values in plain.weights.items():
        np.testing.assert_allclose(tuned.weights[name], values, rtol=1e-9, atol=1e-12, err_msg=name)
    assert len(set(plain.losses)) == len(plain.losses)
    assert (plain.is_tuned, tuned.is_tuned) == (False, True)
