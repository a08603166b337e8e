"""Recipes and learning-rate schedules."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import torch_tasks
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.spec.optimizers import Adam
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, OneCycle, WarmUp
from twotrack.shared.workers.pool import WorkerPool

CYCLES = [(429, 0.3, 25.0, 1e4), (100, 0.1, 10.0, 100.0), (7, 0.5, 4.0, 1e3), (2, 0.3, 25.0, 1e4), (1, 0.3, 25.0, 1e4)]


def one_cycle(peak: float, steps: int, share: float, start: float, end: float) -> list[float]:
    return Recipe(Adam(peak), OneCycle(share, start, end), 1, 1).learning_rates(steps)


@pytest.mark.parametrize(("steps", "share", "start", "end"), CYCLES)
def test_one_cycle_is_torchs_one_cycle(workers: WorkerPool, steps: int, share: float, start: float, end: float):
    expected = workers.call("torch", torch_tasks.one_cycle, torch_tasks.OneCycle(3e-3, steps, share, start, end))

    assert one_cycle(3e-3, steps, share, start, end) == pytest.approx(expected, rel=1e-9, abs=1e-18)


def test_one_cycle_rises_to_its_peak_and_falls_to_its_end():
    rates = one_cycle(1.0, 101, 0.3, 25.0, 1e4)
    top = rates.index(max(rates))

    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] == pytest.approx(1 / 25e4)
    assert rates[top] == pytest.approx(1.0, abs=1e-3)
    assert rates == sorted(rates[: top + 1]) + sorted(rates[top + 1 :], reverse=True)


@given(st.integers(1, 5), st.floats(0.05, 0.95), st.floats(1.0, 100.0), st.floats(1.0, 1e5))
def test_the_shortest_cycles_stay_finite_positive_and_below_the_peak(
    steps: int, share: float, start: float, end: float
):
    rates = one_cycle(3e-3, steps, share, start, end)

    assert len(rates) == steps
    assert all(math.isfinite(rate) and 0 < rate <= 3e-3 * (1 + 1e-12) for rate in rates)


def test_warm_up_falls_as_transformers_schedule_does_and_rises_one_step_ahead_of_it(workers: WorkerPool):
    """transformers spends its first step at a rate of 0, which teaches nothing."""
    theirs = workers.call("torch", torch_tasks.linear_with_warm_up, torch_tasks.Linear(steps=50, warm_up_steps=10))

    ours = Recipe(Adam(1.0), WarmUp(0.2), 1, 1).learning_rates(50)

    assert ours[:10] == pytest.approx(theirs[1:11])
    assert ours[10:] == pytest.approx(theirs[10:])


@given(st.integers(1, 200), st.floats(0.0, 0.95))
def test_warm_up_is_never_zero_and_never_above_the_rate(steps: int, share: float):
    rates = Recipe(Adam(3e-3), WarmUp(share), 1, 1).learning_rates(steps)

    assert all(0 < rate <= 3e-3 for rate in rates)


def test_a_constant_schedule_keeps_the_optimizers_learning_rate():
    assert Recipe(Adam(1e-3), Constant(), 64, 5).learning_rates(4) == [1e-3] * 4


@pytest.mark.parametrize(
    ("chapter", "recipe", "batch_size", "epochs", "learning_rate"),
    [("mnist_cnn", "classic", 64, 5, 1e-3), ("mnist_cnn", "fast", 32, 0.6, 3e-3)],
)
def test_recipes_are_those_of_the_documentation(
    chapter: str, recipe: str, batch_size: int, epochs: float, learning_rate: float
):
    found = CHAPTERS[chapter].recipe(recipe)

    assert (found.batch_size, found.epochs, found.optimizer.learning_rate) == (batch_size, epochs, learning_rate)
    assert max(found.learning_rates(429)) == pytest.approx(learning_rate, rel=1e-3)
