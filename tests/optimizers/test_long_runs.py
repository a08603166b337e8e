"""Every optimizer, and all that optimizers do beside their formulas, is the same on every track over 2,000 steps."""

import pytest

from tests.optimizers import long_cases, long_tasks
from tests.support.turns import BACKENDS
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-10
TRACKS = ("torch", *BACKENDS)
EVERY = list(long_cases.CASES)


def in_turn(track: str) -> list[str]:
    """Return the cases of a track's short form: all in torch, each on one backend of Keras, that with most everywhere.

    test_alignment.py steps by every formula on every backend.
    """
    if track == "torch":
        return EVERY
    number = BACKENDS.index(track)
    return [name for place, name in enumerate(EVERY) if place % len(BACKENDS) == number or name == "all"]


@pytest.mark.parametrize(
    ("track", "steps", "cases"),
    [
        *(pytest.param(track, long_cases.SHORT, in_turn(track), id=f"{track}-short") for track in TRACKS),
        *(pytest.param(track, long_cases.STEPS, EVERY, id=f"{track}-long", marks=pytest.mark.slow) for track in TRACKS),
    ],
)
def test_no_weight_or_average_strays_from_the_formula(
    track: str, steps: int, cases: list[str], workers: WorkerPool
) -> None:
    strays = workers.call(track, long_tasks.strays, long_tasks.Asked(track, cases, steps))
    assert list(strays) == cases
    assert {case: stray for case, stray in strays.items() if not stray <= TOLERANCE} == {}


def test_every_case_has_its_turn_on_keras() -> None:
    assert {case for track in BACKENDS for case in in_turn(track)} == set(EVERY)
