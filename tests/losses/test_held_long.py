"""Penalties and constraints are their formulas on every track, over 2,000 steps."""

import pytest

from tests.losses import held_long
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-10
SHORT, STEPS = 100, 2000


QUICK = ("torch", QUICKEST)
RUNS = [
    pytest.param(track, steps, marks=() if steps == SHORT and track in QUICK else pytest.mark.slow)
    for track in ("torch", *BACKENDS)
    for steps in (SHORT, STEPS)
]


@pytest.mark.parametrize(("track", "steps"), RUNS)
def test_no_weight_strays_from_the_formulas(track: str, steps: int, workers: WorkerPool) -> None:
    strays = workers.call(track, held_long.strays, held_long.Asked(track, steps, list(held_long.CASES)))
    assert strays.keys() == held_long.CASES.keys()
    assert {case: stray for case, stray in strays.items() if not stray <= TOLERANCE} == {}
