"""Learning rates are compared exactly."""

import numpy as np
import pytest

from twotrack.shared.logs.alignment import Aligned
from twotrack.shared.logs.rates import difference


def aligned(first: np.ndarray, second: np.ndarray) -> Aligned:
    return Aligned("step", np.arange(1.0, len(first) + 1), first, second, True)


SCHEDULE = 0.01 * np.cos(np.linspace(0, 1.5, 50))


def test_float32_in_one_log_is_no_difference():
    assert difference(aligned(SCHEDULE, SCHEDULE.astype(np.float32).astype(float)), 7) is None


def test_a_rate_that_is_halved_differs_from_its_step_on_by_a_ratio():
    second = SCHEDULE.copy()
    second[30:] /= 2

    found = difference(aligned(SCHEDULE, second), 17)

    assert found is not None
    assert (found.first, found.differing, found.ratio) == (30, 20, pytest.approx(0.5))


def test_few_digits_of_a_constant_rate_are_no_rounding():
    found = difference(aligned(np.full(20, 0.001), np.full(20, 0.0005)), 1)

    assert found is not None
    assert (found.first, found.ratio) == (0, 0.5)


@pytest.mark.parametrize("moved", [1, -1])
def test_one_schedule_that_is_stated_a_step_later_is_recognised(moved: int):
    first, second = (SCHEDULE[1:], SCHEDULE[:-1])[::moved]

    found = difference(aligned(first, second), 17)

    assert found is not None
    assert found.moved == moved
