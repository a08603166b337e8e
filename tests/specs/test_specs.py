"""Losses, schedules, laws of initial weights and what else trains: the same on every track as in NumPy.

By default a few steps of some, on every track; every one of them for 2,000 steps if slow. `python -m tests.specs`
writes the table.
"""

from itertools import product
from typing import get_args

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from tests.losses import cases as loss_cases
from tests.losses import tasks as loss_tasks
from tests.specs import tasks
from tests.specs.__main__ import LIMIT, PAGE, ROWS
from tests.specs.by_hand import start
from tests.specs.cases import CASES, LOSSES, RATES, SHORT, STEPS
from tests.specs.losses_by_hand import value_and_gradient
from tests.specs.schedules_by_hand import shares
from tests.support.turns import QUICKEST
from twotrack.shared.spec.initialisers import INITIALISERS
from twotrack.shared.spec.loss_specs import LOSSES as EVERY_LOSS
from twotrack.shared.spec.schedules import Plateau, Schedule
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

OF_EACH = {"torch": 3, QUICKEST: 8, "keras:tensorflow": 40, "keras:jax": 40}
"""By default, on each track, one case in so many of each kind."""


def cases() -> list[ParameterSet]:
    """Return which cases of a kind a track has for how many steps."""
    found = []
    for track, kind in product(TRACKS, CASES):
        names = list(CASES[kind])
        found.append(pytest.param(track, kind, names[:: OF_EACH[track]], SHORT))
        found.append(pytest.param(track, kind, names, STEPS, marks=pytest.mark.slow))
    return found


@pytest.mark.parametrize(("track", "kind", "names", "steps"), cases(), ids=str)
def test_no_training_strays_from_numpy(
    track: str, kind: str, names: list[str], steps: int, workers: WorkerPool
) -> None:
    strays = workers.call(track, tasks.strays, tasks.Asked(track, kind, names, steps))
    assert {name: stray for name, stray in strays.items() if not stray <= LIMIT} == {}


def test_numpy_s_losses_are_those_of_others(workers: WorkerPool) -> None:
    """torch.nn.functional's where it has them, which tests.losses.tasks.by_hand asks."""
    names = [name for name in LOSSES if name in loss_cases.CASES]
    found = workers.call("torch", loss_tasks.by_hand, names)
    for name in names:
        case = loss_cases.CASES[name]
        value, gradient = value_and_gradient(case.loss, *case.arrays(), case.weights, case.mask)
        assert value == pytest.approx(found.values[name], rel=1e-12), name
        np.testing.assert_allclose(gradient.reshape(-1), found.gradients[name], rtol=1e-11, atol=1e-14, err_msg=name)


# === Without a framework ===


@pytest.mark.parametrize("name", [name for name, case in RATES.items() if not isinstance(case.schedule, Plateau)])
def test_rates_are_those_of_numpy(name: str) -> None:
    schedule = RATES[name].schedule
    np.testing.assert_allclose(schedule.factors(STEPS), shares(schedule, STEPS), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", INITIALISERS)
def test_initial_weights_are_those_of_numpy(name: str) -> None:
    case = CASES["initialisers"][name]
    for weight, values in start(case).items():
        np.testing.assert_allclose(case.start[weight], values, rtol=1e-12, atol=1e-14)


def test_every_spec_has_a_row() -> None:
    assert {type(case.schedule) for case in RATES.values()} == set(get_args(Schedule))
    assert {type(head.case.loss) for case in LOSSES.values() for head in case.heads.values()} == set(EVERY_LOSS)
    assert set(CASES["initialisers"]) == set(INITIALISERS)


def test_the_page_has_every_row_and_none_strays() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if "e-" in line or "e+" in line]
    found = {row[0]: [float(cell) for cell in row[1:]] for row in rows if len(row) == 1 + len(TRACKS)}
    assert set(found) == {name for names, _ in ROWS.values() for name in names}
    assert all(stray <= LIMIT for own in found.values() for stray in own)
