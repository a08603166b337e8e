"""Every fault in a training is proved: its cause has the right words and changes, and nothing is left behind it."""

import pytest
from _pytest.mark import ParameterSet

from tests.diagnosis.faults.fault import Fault
from tests.diagnosis.faults.pairs import FAULTS
from tests.support.turns import MOSTLY_QUICKEST, in_turn
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest

LIKE_OTHERS = {"HUBER_DELTA", "LAMB", "CLIP_EPSILON", "DAMPENING", "CENTERED", "NADAM", "RESET", "RESET_OF_CELL"}
"""Of every fourth fault, those that are slow too: an option of a loss or of an update as those that stay, and Nadam, of
which tests/mixups proves one by default."""


def marked(case: ParameterSet) -> ParameterSet:
    marks = [*case.marks, *([pytest.mark.slow] if case.values[0] in LIKE_OTHERS else [])]
    return pytest.param(case.values, marks=marks, id="-".join(map(str, case.values)))


ANYWHERE = [name for name in FAULTS if name != "SHARED_PATH"]  # that one is of one backend
CASES = [marked(one) for one in in_turn(ANYWHERE, every=4, order=MOSTLY_QUICKEST)]

CASES.append(pytest.param(("SHARED_PATH", "keras:torch"), id="SHARED_PATH-keras:torch"))  # no other backend has it


@pytest.fixture(scope="module", params=CASES)
def found(request: pytest.FixtureRequest, ladder: Ladder) -> tuple[Fault, TrackResult]:
    name, track = request.param
    subject = VerifyRequest(name=f"tests.diagnosis.faults.pairs:{name}", until="training")
    return FAULTS[name], ladder.climb(subject, lambda *_: None, [track])[0]


def _first(result: TrackResult) -> Cause:
    return result.diagnosis.causes[0]


def test_the_fault_fails_its_rung(found: tuple[Fault, TrackResult]) -> None:
    fault, result = found
    assert result.rungs[-1].rung == fault.rung


def test_its_cause_is_proved_by_the_right_changes(found: tuple[Fault, TrackResult]) -> None:
    fault, result = found
    assert _first(result).status is Status.PROVED, _first(result).what
    assert {change.kind for change in _first(result).changes} == fault.kinds


def test_the_cause_says_what_differs_with_a_line_for_each_side(found: tuple[Fault, TrackResult]) -> None:
    fault, result = found
    assert not [words for words in fault.words if words not in _first(result).what], _first(result).what
    assert _first(result).torch_fix
    assert _first(result).keras_fix


def test_nothing_is_left_behind_it(found: tuple[Fault, TrackResult]) -> None:
    fault, result = found
    assert len(result.diagnosis.causes) == fault.count
    assert result.diagnosis.last is None
