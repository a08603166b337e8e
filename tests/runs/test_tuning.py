"""The tuned form of a track does the same steps: in float64 weights and losses stay equal to rounding."""

import numpy as np
import pytest

from tests.runs import pooling_tasks, tuning_tasks
from tests.runs.tuning_tasks import Asked, Trajectory
from twotrack.shared.spec.optimizers import OPTIMIZERS
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.spec.tuning import AS_IT_IS, BY_DEFAULT, MOST, Tuning
from twotrack.shared.workers.pool import WorkerPool


def test_every_track_says_what_a_run_switches_on_and_what_there_is_beside():
    assert set(BY_DEFAULT) == set(MOST) == set(TRACKS)
    assert Tuning().words == "as it is"
    assert {track: tuning.words for track, tuning in BY_DEFAULT.items()} == {
        "torch": "channels last, fused, pool first, unfilled, kept memory",
        "keras:tensorflow": "several steps",
        "keras:jax": "several steps",
        "keras:torch": "unfilled, kept memory",
    }
    assert [track for track in TRACKS if MOST[track] != BY_DEFAULT[track]] == ["keras:tensorflow"]


def require_equal(tuned: Trajectory, plain: Trajectory) -> None:
    np.testing.assert_allclose(tuned.losses, plain.losses, rtol=1e-9)
    assert tuned.weights.keys() == plain.weights.keys()
    for name, values in plain.weights.items():
        np.testing.assert_allclose(tuned.weights[name], values, rtol=1e-9, atol=1e-12, err_msg=name)
    assert len(set(plain.losses)) == len(plain.losses)
    assert (plain.is_tuned, tuned.is_tuned) == (False, True)


@pytest.mark.parametrize(
    ("track", "chapter", "optimizer"),
    [
        *(("torch", "mnist_cnn", optimizer) for optimizer in OPTIMIZERS),
        ("keras:tensorflow", "churn_mlp", "adamw"),
        ("keras:tensorflow", "mnist_cnn", "nesterov"),
        ("keras:jax", "churn_mlp", "adamw"),
        ("keras:torch", "mnist_cnn", "adamw"),
    ],
)
def test_a_run_in_float64_is_that_of_the_track_as_it_is(workers: WorkerPool, track: str, chapter: str, optimizer: str):
    plain, tuned = (
        workers.call(track, tuning_tasks.trajectory, Asked(track, chapter, optimizer, tuning))
        for tuning in (AS_IT_IS, None)
    )

    require_equal(tuned, plain)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "nesterov"])
def test_xla_changes_no_more_than_rounding(optimizer: str):
    """In a process of its own, which is deterministic no longer."""
    track = "keras:tensorflow"
    with WorkerPool("cpu") as workers:
        plain, tuned = (
            workers.call(track, tuning_tasks.trajectory, Asked(track, "mnist_cnn", optimizer, tuning))
            for tuning in (AS_IT_IS, MOST[track])
        )

    require_equal(tuned, plain)


def test_convolutions_on_jax_are_one_step_in_a_dispatch(workers: WorkerPool):
    """As XLA takes many times as long for one in a loop."""
    found = workers.call(
        "keras:jax", tuning_tasks.trajectory, Asked("keras:jax", "mnist_cnn", "adamw", BY_DEFAULT["keras:jax"])
    )

    assert not found.is_tuned


def test_fused_updates_take_gradients_and_states_that_lie_otherwise_in_memory(workers: WorkerPool):
    """torch's own take the wrong numbers of them and say nothing."""
    usual, fused = np.array(workers.call("torch", tuning_tasks.mixed_layouts, None)).reshape(2, -1)

    np.testing.assert_allclose(fused, usual, rtol=1e-12)


@pytest.mark.parametrize(
    ("network", "order"),
    [
        ("plain", ["conv", "pool", "relu"]),
        ("padded", ["conv", "pool", "relu"]),
        ("twice", ["conv", "pool", "relu", "pool", "relu"]),
        ("looked at", []),
        ("average", []),
        ("another activation", []),
        ("derived", []),
        ("with places", []),
        ("branching", []),
        ("nested", []),
    ],
)
def test_relu_comes_behind_pooling_only_where_that_changes_nothing(workers: WorkerPool, network: str, order: list[str]):
    found = workers.call("torch", pooling_tasks.exchanged, network)

    assert found.order == order
    assert found.difference == 0
