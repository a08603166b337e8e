"""Every planted bug is detected, at its layer; its true cause is proved, or among the first two suggestions."""

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.faults.judging import far_enough
from tests.conformance.planted import BUGS, Bug
from tests.support.turns import MOSTLY_QUICKEST, in_turn
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest

ELSEWHERE = {
    "BATCH_NORM_VARIANCE": "STATISTICS_VARIANCE in tests/diagnosis",
    "DROPOUT_RATE": "RATES in tests/dropout",
    "GELU": "gelu_approximate in test_faults.py",
    "LABEL_SMOOTHING": "label_smoothing in test_faults.py, and the loop of tests/mixups that smooths",
    "LEAKY_SLOPE": "leaky_slope in test_faults.py",
    "LAYER_NORM_EPSILON": "the pair of tests/verify/test_guide.py",
    "LSTM_TWO_BIASES": "SECOND_BIAS_OF_RNN in tests/diagnosis",
    "PROBABILITIES": "BINARY_PROBABILITIES in tests/diagnosis",
    "SAME_PADDING": "the pair of tests/verify/test_guide.py",
}
"""Bugs whose cause is proved by default of another pair; slow here."""


def marked(case: ParameterSet) -> ParameterSet:
    marks = [*case.marks, *([pytest.mark.slow] if case.values[0] in ELSEWHERE else [])]
    return pytest.param(case.values, marks=marks, id="-".join(map(str, case.values)))


CASES = [
    marked(one) for one in in_turn([name for name, bug in BUGS.items() if not bug.only], order=MOSTLY_QUICKEST)
] + [pytest.param((name, bug.only), id=f"{name}-{bug.only}") for name, bug in BUGS.items() if bug.only]


@pytest.fixture(scope="module", params=CASES)
def found(request: pytest.FixtureRequest, ladder: Ladder) -> tuple[Bug, TrackResult]:
    name, track = request.param
    subject = VerifyRequest(name=f"tests.conformance.planted:{name}", until=far_enough(BUGS[name].rung))
    return BUGS[name], ladder.climb(subject, lambda *_: None, [track])[0]


def test_the_bug_fails_the_ladder_at_its_rung_and_layer(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    failure = result.rungs[-1]
    assert not result.passed
    assert failure.rung == bug.rung
    assert failure.where.startswith(bug.layer)


def test_the_true_cause_is_proved_or_among_the_first_two_suggestions(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    first = result.diagnosis.causes[0]
    if first.status is Status.PROVED:
        assert first.entry is not None, first
        assert first.entry.name == bug.cause, first
    else:
        assert bug.cause in [entry.name for entry in result.suggestions[:2]]


def test_a_layer_that_is_at_fault_differs_alone_too(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    assert ("differs" in result.isolated) == (bug.rung == "forward")
