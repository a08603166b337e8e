"""The full simulation's false-alarm rates, for every noise and length of the documented table."""

import pytest
from scipy import stats

from tests.logs import simulation

PAIRS = 1000


@pytest.mark.slow
@pytest.mark.parametrize("points", simulation.POINTS)
@pytest.mark.parametrize("name", simulation.NULLS)
def test_false_alarms_are_as_rare_as_is_stated(name: str, points: int):
    """Twice the stated rate is what chance and correlations near 1 in short logs are allowed."""
    found = simulation.rates(simulation.NULLS[name](points), PAIRS, seed=0)

    assert found.parts * PAIRS <= stats.binom.ppf(0.999, PAIRS, 2 * simulation.LEVEL)
