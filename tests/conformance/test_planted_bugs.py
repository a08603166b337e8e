"""Every planted bug is detected, at its layer, with its true cause among the first two suggestions."""

import pytest

from tests.conformance.planted import BUGS, Bug
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest


@pytest.fixture(scope="module", params=BUGS)
def found(request: pytest.FixtureRequest, ladder: Ladder) -> tuple[Bug, TrackResult]:
    subject = VerifyRequest(name=f"tests.conformance.planted:{request.param}")
    return BUGS[request.param], ladder.climb(subject, lambda *_: None, ["keras:tensorflow"])[0]


def test_the_bug_fails_the_ladder_at_its_rung_and_layer(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    failure = result.rungs[-1]
    assert not result.passed
    assert failure.rung == bug.rung
    assert failure.where.startswith(bug.layer)


def test_the_true_cause_is_among_the_first_two_suggestions(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    assert bug.cause in [cause.name for cause in result.causes[:2]]


def test_a_layer_that_is_at_fault_differs_alone_too(found: tuple[Bug, TrackResult]) -> None:
    bug, result = found
    assert ("differs" in result.isolated) == (bug.rung == "forward")
