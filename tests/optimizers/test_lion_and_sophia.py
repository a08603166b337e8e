"""Lion and Sophia as optimizers of each framework: one step by hand, their state, their configuration."""

import numpy as np
import pytest

from tests.optimizers import sophia_tasks, tasks
from tests.optimizers.cases import CASES
from twotrack.shared.spec import plain
from twotrack.shared.spec.optimizers import Lion, Sophia
from twotrack.shared.workers.pool import WorkerPool

KERAS_TRACKS = ("keras:tensorflow", "keras:jax", "keras:torch")
TRACKS = ("torch", *KERAS_TRACKS)


@pytest.mark.parametrize("track", TRACKS)
def test_one_step_of_sophia_is_what_it_is_by_hand(track: str, workers: WorkerPool) -> None:
    """h = 0.01 * b^2, m = 0.04 * g, decay 0.1 * 0.2 = 2 %, then 0.1 * clip(m / max(0.05 * h, 1e-12), -1, 1)."""
    by_hand = {
        # b, g: (0.05 * h, m)
        (2.0, 0.5): 0.98 - 0.1,  # (0.002, 0.02), a ratio of 10
        (2.0, -0.5): 0.98 + 0.1,
        (2.0, 0.001): 0.98 - 0.002,  # (0.002, 0.00004), a ratio of 0.02
        (2.0, 0.0): 0.98,
        (0.0, 0.001): 0.98 - 0.1,  # (0, 0.00004)
        (0.0, 1e-11): 0.98 - 0.04,  # (0, 4e-13)
        (0.0, 0.0): 0.98,
    }
    b, gradients = zip(*by_hand, strict=True)
    spec = Sophia(learning_rate=0.1, weight_decay=0.2)
    weights = workers.call(
        track, sophia_tasks.one_step, sophia_tasks.Step(track, spec, [1.0] * len(b), list(gradients), list(b))
    )
    np.testing.assert_allclose(weights, list(by_hand.values()), rtol=0, atol=1e-15)


@pytest.mark.parametrize("case", [name for name in CASES if name.startswith("lion") and name.endswith("constant")])
def test_lion_in_torch_is_keras_own(case: str, workers: WorkerPool) -> None:
    keras = workers.call("keras:jax", tasks.train_stock_keras_lion, case)
    torch = workers.call("torch", tasks.train_torch, case)
    for ours, theirs in zip(torch.weights, keras.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("track", TRACKS)
def test_defaults_are_those_of_the_shared_specs(track: str, workers: WorkerPool) -> None:
    found = workers.call(track, sophia_tasks.defaults, track)
    assert "Sophia" in found
    shared = {spec["name"]: spec for spec in map(plain.plain, (Lion(0.5), Sophia(0.5)))}
    assert {name: {"name": name} | own for name, own in found.items()} == {name: shared[name] for name in found}


@pytest.mark.parametrize("track", KERAS_TRACKS)
def test_a_configuration_survives_serialisation(track: str, workers: WorkerPool) -> None:
    before, after = workers.call(track, sophia_tasks.config_round_trip, None)
    assert after == before
    assert before["class_name"] == "Sophia"
    assert before["config"]["learning_rate"]["config"] == {"learning_rates": [0.5, 0.25]}


@pytest.mark.parametrize("track", TRACKS)
def test_the_estimate_is_taken_at_steps_1_4_and_7(track: str, workers: WorkerPool) -> None:
    assert workers.call(track, sophia_tasks.steps_with_an_estimate, sophia_tasks.Steps(track=track, steps=8)) == [
        1,
        4,
        7,
    ]


@pytest.mark.parametrize("track", TRACKS)
def test_training_after_a_warm_up_is_training_without_one(track: str, workers: WorkerPool) -> None:
    cold, warm = (
        workers.call(track, sophia_tasks.train, sophia_tasks.Training(track=track, warm_up=warm_up))
        for warm_up in (False, True)
    )
    assert warm == cold


@pytest.mark.parametrize("track", TRACKS)
def test_a_snapshot_holds_all_that_the_next_steps_depend_on(track: str, workers: WorkerPool) -> None:
    first, second = workers.call(track, sophia_tasks.train_twice_from_a_snapshot, track)
    assert second == first
