"""Losses, schedules, laws of initial weights and what else trains: the same on every track as in NumPy.

By default a few steps of some, on every track; every one of them for 2,000 steps if slow. `python -m tests.specs`
writes the table.
"""

from typing import get_args

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from tests.losses import cases as loss_cases
from tests.losses import tasks as loss_tasks
from tests.specs import tasks
from tests.specs.__main__ import ENLARGED, LIMIT, PAGE, rows
from tests.specs.by_hand import start
from tests.specs.cases import LOSSES, PLATEAUS, RATES, SHORT, STARTS, STEPS, TRAININGS
from tests.specs.losses_by_hand import value_and_gradient
from tests.specs.schedules_by_hand import shares
from tests.support.turns import QUICKEST
from twotrack.shared.spec.initialisers import INITIALISERS
from twotrack.shared.spec.loss_specs import LOSSES as EVERY_LOSS
from twotrack.shared.spec.schedules import Schedule
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

BY_DEFAULT = {
    "torch": [(kind, name) for kind, own in TRAININGS.items() for name in own],
    QUICKEST: [("losses", "losses of 6"), ("initialisers", "laws"), ("others", "Activity")],
    "keras:tensorflow": [("losses", "alone")],
    "keras:jax": [("losses", "alone")],
}


def trainings() -> list[ParameterSet]:
    """Return a few steps of some trainings on each track, and all of them if slow."""
    every = [(kind, name) for kind, own in TRAININGS.items() for name in own]
    short = [pytest.param(track, *one, SHORT) for track in TRACKS for one in BY_DEFAULT[track]]
    return short + [pytest.param(track, *one, STEPS, marks=pytest.mark.slow) for track in TRACKS for one in every]


@pytest.mark.parametrize(("track", "kind", "name", "steps"), trainings())
def test_no_training_strays_from_numpy(track: str, kind: str, name: str, steps: int, workers: WorkerPool) -> None:
    strays = workers.call(track, tasks.strays, tasks.Asked(track, kind, name, steps))
    assert set(strays) == set(TRAININGS[kind][name].heads)
    assert {row: stray for row, stray in strays.items() if not stray <= LIMIT} == {}


@pytest.mark.slow
@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("name", RATES)
def test_no_schedule_strays_from_numpy(name: str, track: str, workers: WorkerPool) -> None:
    assert workers.call(track, tasks.stray_of_schedule, tasks.Asked(track, "schedules", name, STEPS)) <= LIMIT


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


@pytest.mark.parametrize("name", RATES)
def test_rates_are_those_of_numpy(name: str) -> None:
    np.testing.assert_allclose(RATES[name].factors(STEPS), shares(RATES[name], STEPS), rtol=1e-12, atol=1e-15)


def test_initial_weights_are_those_of_numpy() -> None:
    laws = TRAININGS["initialisers"]["laws"]
    for weight, values in start(laws).items():
        np.testing.assert_allclose(laws.start[weight], values, rtol=1e-12, atol=1e-14, err_msg=weight)


def test_every_spec_has_a_row() -> None:
    assert {type(one) for one in (*RATES.values(), *PLATEAUS.values())} == set(get_args(Schedule))
    assert {type(head.case.loss) for head in LOSSES.values()} == set(EVERY_LOSS)
    assert set(STARTS) == set(INITIALISERS)


def test_every_row_of_the_page_is_one_and_none_strays() -> None:
    told = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if "e-" in line or "e+" in line]
    found = {own[0]: [float(cell) for cell in own[1:]] for own in told if len(own) == 1 + len(TRACKS)}
    assert set(found) == {name for names in rows().values() for name in names}
    assert all(stray <= ENLARGED.get(row, LIMIT) for row, own in found.items() for stray in own)
