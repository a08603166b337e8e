"""What the ladder says of planted faults is true: it fails, at the fault, and proves it or nothing.

By default one fault of every group's families in turn, mostly on the quickest backend; all of them if slow.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.faults.family import FAULTS
from tests.conformance.faults.judging import climb
from tests.conformance.faults.pairs import FEW, TWO, Fault, chosen, doubles, find, singles
from tests.conformance.faults.unproved import UNPROVED
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.verify.ladder import Ladder

EVERY = 5
"""Of so many families one is climbed with by default."""
TURN = 15
"""Of those that are climbed by default, every fifteenth is on another backend, these taking turns."""


def cases() -> list[ParameterSet]:
    """Return every fault with a backend; those that are not for the default suite are slow."""
    ordinary = [fault for number, family in enumerate(FAULTS) for fault in singles(family)[: number % EVERY == 0]]
    ordinary += doubles(FEW)
    names = {fault.name: number for number, fault in enumerate(ordinary)}
    return [
        pytest.param(
            fault,
            _track(names.get(fault.name, 0)),
            marks=() if fault.name in names else pytest.mark.slow,
            id=fault.name,
        )
        for fault in chosen()
    ]


def _track(number: int) -> str:
    others = [track for track in BACKENDS if track != QUICKEST]
    return others[number // TURN % len(others)] if number % TURN == TURN - 1 else QUICKEST


@pytest.mark.parametrize(("fault", "track"), cases())
def test_what_is_said_of_a_planted_fault_is_true(fault: Fault, track: str, ladder: Ladder) -> None:
    outcome = climb(fault, track, ladder)
    assert outcome.failed
    assert outcome.is_in_place, (outcome.rung, outcome.where, outcome.truths)
    assert not outcome.wrong, [cause.what for cause in outcome.wrong]
    assert not outcome.unproved or fault.name in UNPROVED, [cause.what for cause in outcome.causes]


def test_there_are_many_families_and_faults_and_a_third_are_two_at_once() -> None:
    every = chosen()
    assert len(FAULTS) >= 60
    assert len({fault.name for fault in every}) == len(every) >= 150
    assert len(doubles(TWO)) * 3 >= len(every)


def test_few_causes_are_not_proved() -> None:
    names = {fault.name for fault in chosen()}
    assert set(UNPROVED) <= names
    assert len(UNPROVED) * 10 <= len(names)


@pytest.mark.parametrize("fault", doubles(FEW), ids=lambda fault: fault.name)
def test_a_name_leads_to_its_fault(fault: Fault) -> None:
    assert find(fault.name).made().parameters == fault.made().parameters
