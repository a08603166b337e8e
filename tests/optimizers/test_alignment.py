"""Every track's optimizer computes the documented formula, to float64 rounding."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from tests.optimizers import reference, tasks
from tests.optimizers.cases import CASES, OUTPUTS, TINY_LOSS, batches, initial_weights
from tests.optimizers.tasks import Trained
from tests.support.turns import BACKENDS, MOSTLY_QUICKEST, in_turn
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.optimizers import Lion, Sophia
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-10
"""The largest difference measured is 5.0e-14 with Sophia, which divides by tiny numbers, 2.6e-15 with all others."""
TRACKS = {
    "torch": tasks.train_torch,
    "keras:tensorflow": tasks.train_keras,
    "keras:jax": tasks.train_keras,
    "keras:torch": tasks.train_keras,
}
EVERYWHERE = "-decay-one_cycle"
"""Cases with all that there is."""
EQUAL_IN_STOCK_TORCH = {
    *(f"sgd{decay}-{schedule}" for decay in ("", "-decay") for schedule in ("constant", "one_cycle")),
    "momentum-constant",
    "nesterov-constant",
}


@cache
def _expected(case: str) -> tuple[list[float], list[np.ndarray]]:
    return reference.train(CASES[case])


def _largest_difference(trained: Trained, case: str) -> float:
    _, weights = _expected(case)
    pairs = zip(trained.weights, weights, strict=True)
    return max(float(np.abs(np.array(found) - expected).max()) for found, expected in pairs)


def on_tracks() -> Iterator[ParameterSet]:
    """Yield cases with tracks: all on torch; of every optimizer one on all backends, on the others in turn."""
    yield from (pytest.param(case, "torch") for case in CASES)
    everywhere = [case for case in CASES if case.endswith(EVERYWHERE)]
    yield from (pytest.param(case, track) for case in everywhere for track in BACKENDS)
    yield from in_turn((case for case in CASES if case not in everywhere), order=MOSTLY_QUICKEST)


@pytest.mark.parametrize(("case", "track"), list(on_tracks()))
def test_fifty_steps_give_the_weights_of_the_formula(case: str, track: str, workers: WorkerPool) -> None:
    trained = workers.call(track, TRACKS[track], case)
    assert _largest_difference(trained, case) <= TOLERANCE
    np.testing.assert_allclose(trained.losses, _expected(case)[0], rtol=TOLERANCE, atol=0)


@pytest.mark.parametrize(
    "case", [name for name, case in CASES.items() if not isinstance(case.optimizer, Lion | Sophia)]
)
def test_stock_torch_optimizers_would_fail(case: str, workers: WorkerPool) -> None:
    trained = workers.call("torch", tasks.train_stock_torch, case)
    assert (_largest_difference(trained, case) <= TOLERANCE) == (case in EQUAL_IN_STOCK_TORCH)


@pytest.mark.parametrize("case", [case for case in CASES if case.endswith(EVERYWHERE)])
def test_restoring_the_state_dict_undoes_a_step(case: str, workers: WorkerPool) -> None:
    plain, warmed_up = (
        workers.call("torch", train, case) for train in (tasks.train_torch, tasks.train_torch_after_a_warm_up)
    )
    assert warmed_up == plain


def test_gradients_of_the_tiny_cases_are_near_one_millionth() -> None:
    _, gradients = reference.loss_and_gradients(initial_weights(), *batches()[0])
    largest = TINY_LOSS * max(np.abs(gradient).max() for gradient in gradients)
    assert 3e-7 < largest < 1e-5


@pytest.mark.parametrize("loss", OUTPUTS)
def test_gradients_of_the_reference_agree_with_finite_differences(loss: LossName) -> None:
    weights, batch, width = initial_weights(loss), (*batches(loss)[0], loss), 1e-6
    _, gradients = reference.loss_and_gradients(weights, *batch)
    direction = [np.random.default_rng(3).normal(size=weight.shape) for weight in weights]
    above, below = (
        reference.loss_and_gradients([w + sign * width * d for w, d in zip(weights, direction, strict=True)], *batch)[0]
        for sign in (1, -1)
    )
    slope = sum((gradient * d).sum() for gradient, d in zip(gradients, direction, strict=True))
    assert slope == pytest.approx((above - below) / (2 * width), rel=1e-8)
