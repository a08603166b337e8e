"""Pairs that are one model pass on every backend."""

import pytest

from tests.conformance.honest import HONEST
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_pair_raises_no_alarm_on_any_backend(name: str, ladder: Ladder) -> None:
    results = ladder.climb(VerifyRequest(name=f"tests.conformance.honest:{name}"), lambda *_: None)
    failures = {result.track: result.rungs[-1].detail for result in results if not result.passed}
    assert failures == {}
    assert len(results) == 3
