"""Every optimizer, and all that optimizers do beside their formulas, is the same on every track over 2,000 steps."""

import pytest

from tests.optimizers import long_cases, long_tasks
from tests.support.turns import BACKENDS
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-10
TRACKS = ("torch", *BACKENDS)


@pytest.mark.parametrize(
    "steps", [long_cases.SHORT, pytest.param(long_cases.STEPS, marks=pytest.mark.slow)], ids="{} steps".format
)
@pytest.mark.parametrize("track", TRACKS)
def test_no_weight_or_average_strays_from_the_formula(track: str, steps: int, workers: WorkerPool) -> None:
    strays = workers.call(track, long_tasks.strays, long_tasks.Asked(track, list(long_cases.CASES), steps))
    assert strays.keys() == long_cases.CASES.keys()
    assert {case: stray for case, stray in strays.items() if not stray <= TOLERANCE} == {}
