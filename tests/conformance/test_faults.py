"""What the ladder says of planted faults is true: it fails, at the fault, and proves it or nothing.

By default a few networks with two faults, and one fault of every group that none of these has, mostly on the quickest
backend; all of them if slow.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.faults.family import FAULTS
from tests.conformance.faults.judging import climb
from tests.conformance.faults.pairs import FEW, TWO, Fault, chosen, doubles, find, singles
from tests.conformance.faults.unproved import UNPROVED
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.verify.ladder import Ladder

FEWER = 4
"""Networks with two faults, by default."""
TURN = 11
"""Of those that are climbed by default, every eleventh is on another backend, these taking turns."""


def by_default() -> list[Fault]:
    """Return faults of which every group has one: two at once, then one of the family in the middle of its group."""
    found = doubles(FEWER)
    groups = {family.group: [other for other in FAULTS if other.group == family.group] for family in FAULTS}
    for group in groups.keys() - {family.group for fault in found for family in fault.families}:
        found += singles(groups[group][len(groups[group]) // 2])[:1]
    return sorted(found, key=lambda fault: fault.name)


def cases() -> list[ParameterSet]:
    """Return every fault with a backend; those that are not for the default suite are slow."""
    names = {fault.name: number for number, fault in enumerate(by_default())}
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


def test_every_group_is_climbed_with_by_default() -> None:
    assert {family.group for fault in by_default() for family in fault.families} == {one.group for one in FAULTS}


def test_few_causes_are_not_proved() -> None:
    names = {fault.name for fault in chosen()}
    assert set(UNPROVED) <= names
    assert len(UNPROVED) * 10 <= len(names)


@pytest.mark.parametrize("fault", doubles(FEW), ids=lambda fault: fault.name)
def test_a_name_leads_to_its_fault(fault: Fault) -> None:
    assert find(fault.name).made().parameters == fault.made().parameters
