"""Schedules are those that the frameworks have, from the first step on, and by epochs, shares and validation losses."""

import numpy as np
import pytest

from tests.optimizers import schedule_tasks
from tests.optimizers.schedule_cases import LOSSES, PLATEAUS, RATE, SCHEDULES, STEPS
from tests.optimizers.schedule_tasks import Rates
from twotrack import Constant, Pair, UserError
from twotrack.shared.spec import plain
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import (
    SCHEDULES as BY_NAME,
)
from twotrack.shared.spec.schedules import (
    Cosine,
    Exponential,
    PerEpoch,
    Piecewise,
    Plateau,
    PlateauWatch,
    StepDecay,
    Warm,
)
from twotrack.shared.verify.exercise import PairExercise
from twotrack.shared.workers.pool import WorkerPool

FIRST = {"linear": 0.2, "warm-up and cosine": 0.0, "warm-up from a third": 1 / 3, "one cycle": 1 / 25}
"""Share of the first step; 1 where none stands."""


@pytest.fixture(scope="module", params=["torch", "keras:torch"])
def rates(request: pytest.FixtureRequest, workers: WorkerPool) -> Rates:
    asked = schedule_tasks.of_torch if request.param == "torch" else schedule_tasks.of_keras
    return workers.call(request.param, asked, None)


def test_every_step_has_the_rate_of_the_framework_s_own_schedule(rates: Rates) -> None:
    assert len(rates.by_steps) > 9
    for name, own in rates.by_steps.items():
        planned = [RATE * factor for factor in SCHEDULES[name].factors(STEPS)]
        np.testing.assert_allclose(planned, own, rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_plateau_falls_where_the_framework_s_own_does(rates: Rates) -> None:
    assert len(rates.by_losses) >= 3
    for name, own in rates.by_losses.items():
        watch = PlateauWatch(PLATEAUS[name])
        planned = [RATE * watch.feed(loss) for loss in LOSSES]
        np.testing.assert_allclose(planned, own, rtol=1e-6, err_msg=name)
        assert len(set(planned)) > 1, name


@pytest.mark.parametrize("track", ["keras:tensorflow", "keras:jax", "keras:torch"])
def test_a_plateau_may_fall_behind_the_last_step(workers: WorkerPool, track: str) -> None:
    assert workers.call(track, schedule_tasks.at_the_end, None) == pytest.approx([0.5 * RATE, 0.25 * RATE])


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_first_step_has_its_rate(name: str) -> None:
    assert SCHEDULES[name].factors(STEPS)[0] == pytest.approx(FIRST.get(name, 1.0))


def test_epochs_are_those_of_the_recipe() -> None:
    rates = Recipe(SGD(1.0), PerEpoch(StepDecay(1, 0.5)), batch_size=8, epochs=3).learning_rates(12)
    assert rates == [1.0] * 4 + [0.5] * 4 + [0.25] * 4


def test_epochs_within_a_warm_up_are_those_of_the_recipe() -> None:
    schedule = Warm(2, PerEpoch(StepDecay(1, 0.5)))
    assert Recipe(SGD(1.0), schedule, 8, epochs=2).learning_rates(8) == [0.0, 0.5, 1, 1, 1, 1, 0.5, 0.5]


def test_a_schedule_by_epochs_needs_some() -> None:
    with pytest.raises(UserError, match="steps_per_epoch"):
        PerEpoch(Cosine()).factors(10)


def test_a_share_is_one_of_the_whole_training() -> None:
    assert Piecewise((0.3,), (1.0, 0.5)).factors(10) == [1.0] * 3 + [0.5] * 7
    assert StepDecay(0.1, 0.5).factors(10) == [0.5**step for step in range(10)]
    assert Exponential(0.25).factors(2) == [1.0, 0.5]


def test_shares_and_boundaries_must_fit() -> None:
    with pytest.raises(UserError, match="one share more than boundaries, found 2 and 2"):
        Piecewise((1, 2), (1.0, 0.5))


def test_a_pair_has_no_validation_for_a_plateau() -> None:
    with pytest.raises(UserError, match="Plateau, which needs validation"):
        PairExercise(Pair(keras=list, torch=list, input_shape=(1,), schedule=Warm(3, Plateau())))


@pytest.mark.parametrize("name", [*SCHEDULES, "plateau"])
def test_a_schedule_survives_as_plain_data(name: str) -> None:
    schedule = SCHEDULES.get(name, Plateau())
    assert plain.spec(plain.plain(schedule)) == schedule


@pytest.mark.parametrize("name", BY_NAME)
def test_every_named_schedule_fits_any_training(name: str) -> None:
    for steps, epochs in ((12, 3), (7, 1), (1000, 20)):
        shares = BY_NAME[name].factors(steps, steps // epochs)
        assert len(shares) == steps
        assert all(0 <= share <= 1 for share in shares)
    assert BY_NAME["constant"] == Constant()
