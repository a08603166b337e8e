"""A training that changes the track on its way is the one that does not: the state of every optimizer is carried."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.optimizers import state_tasks
from tests.optimizers.state_tasks import CASES, STEPS, Begun, Leg
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-9
TF, JAX, KERAS_TORCH, TORCH = "keras:tensorflow", "keras:jax", "keras:torch", "torch"
WALKS = [
    (KERAS_TORCH, TORCH, KERAS_TORCH),
    (TORCH, KERAS_TORCH, TORCH),
    pytest.param((TF, JAX, KERAS_TORCH, TORCH, TF), marks=pytest.mark.slow),
]


def _walked(tracks: Sequence[str], workers: WorkerPool) -> dict[str, Begun]:
    """Train on one track after the other; with accumulation over 3 and 4 batches, a change is within an update."""
    marks = np.linspace(0, STEPS, len(tracks) + 1).astype(int).tolist()
    begun: dict[str, Begun] = {}
    for track, first, stop in zip(tracks, marks, marks[1:], strict=False):
        begun = workers.call(track, state_tasks.train, Leg(track, list(CASES), first, stop, begun))
    return begun


@pytest.fixture(scope="module")
def uninterrupted(workers: WorkerPool) -> dict[str, Begun]:
    return workers.call(TORCH, state_tasks.train, Leg(TORCH, list(CASES), 0, STEPS))


@pytest.mark.parametrize("walk", WALKS, ids=" - ".join)
def test_a_walk_over_tracks_is_one_training(
    walk: Sequence[str], uninterrupted: dict[str, Begun], workers: WorkerPool
) -> None:
    walked = _walked(walk, workers)
    for case, found in walked.items():
        wanted = uninterrupted[case]
        for one, other in (
            (found.weights, wanted.weights),
            (found.averages, wanted.averages),
            (found.state["slots"], wanted.state["slots"]),
        ):
            assert one.keys() == other.keys(), case
            for name, value in one.items():
                np.testing.assert_allclose(value, other[name], TOLERANCE, TOLERANCE, err_msg=f"{case}: {name}")
        numbers = {name: value for name, value in found.state.items() if name != "slots"}
        assert numbers == pytest.approx({name: wanted.state[name] for name in numbers}), case
