"""Pairs that are one model pass on every backend; both architectures of the chapter do, well below the limits."""

import pytest

from shared.verify.ladder import Ladder, Subject
from tests.conformance.honest import HONEST


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_pair_raises_no_alarm_on_any_backend(name: str, ladder: Ladder) -> None:
    results = ladder.climb(Subject(f"tests.conformance.honest:{name}"), lambda *_: None)
    failures = {result.track: result.verdicts[-1].detail for result in results if not result.passed}
    assert failures == {}
    assert len(results) == 3


@pytest.mark.parametrize("architecture", ["flatten", "bn_gap"])
def test_the_chapter_passes_every_rung_on_every_backend(architecture: str, ladder: Ladder) -> None:
    results = ladder.climb(Subject("mnist_cnn", {"architecture": architecture}), lambda *_: None)
    limits = {"forward": 1e-12, "gradients": 1e-11, "training": 1e-9}
    for result in results:
        assert [verdict.rung for verdict in result.verdicts] == [
            "data", "parameters", "forward", "gradients", "training", "accuracy",
        ]  # fmt: skip
        assert result.passed, result.verdicts[-1]
        for verdict in result.verdicts:
            assert verdict.rung not in limits or verdict.difference <= limits[verdict.rung]
