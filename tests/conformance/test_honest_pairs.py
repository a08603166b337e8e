"""Pairs that are one model pass, the backends taking turns; on every backend if slow."""

import pytest

from tests.conformance import honest, honest_functions, honest_images, honest_masks, honest_sequences
from tests.support.turns import MOSTLY_QUICKEST, in_turn
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest

MODULES = (honest, honest_images, honest_sequences, honest_functions, honest_masks)
HONEST = [f"{module.__name__}:{name}" for module in MODULES for name in module.HONEST]


@pytest.mark.parametrize(("name", "track"), in_turn(HONEST, every=3, order=MOSTLY_QUICKEST))
def test_an_honest_pair_raises_no_alarm(name: str, track: str, ladder: Ladder) -> None:
    (result,) = ladder.climb(VerifyRequest(name=name), lambda *_: None, [track])
    assert result.passed, result.rungs[-1].detail


def test_a_kernel_of_one_filter_has_gradients_in_float64_on_every_backend(ladder: Ladder) -> None:
    results = ladder.climb(
        VerifyRequest(name="tests.conformance.honest:ONE_FILTER", until="gradients"), lambda *_: None
    )
    assert {result.track: result.rungs[-1].detail for result in results if not result.passed} == {}
