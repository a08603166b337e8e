"""The short form of `python -m tests.precision`: a few pairs of each kind, in one precision each."""

import pytest

from tests.hunt.family import Family
from tests.precision.hunting import GROUND, judge
from tests.support.turns import BACKENDS
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.verify.ladder import Ladder

TRACK = "keras:torch"
SHORT: dict[str, Arithmetic] = {"many_rows": "float16", "normalised": "float32"}
"""Honest families of which a pair is judged by default, in one precision; all others are slow."""
SHORT_WRONG = ("tf32", "gradient")
"""Wrong ones, that the type of no operation shows; test_ladder.py has sums that are kept in half precision."""


@pytest.mark.parametrize("name", SHORT)
def test_an_honest_pair_is_only_rounding(name: str, ladder: Ladder) -> None:
    quarry = GROUND.quarry(GROUND.honest[name], 0)
    (outcome,) = judge(quarry, [TRACK], ladder, (SHORT[name],))
    assert not outcome.missed, outcome


@pytest.mark.parametrize("name", SHORT_WRONG)
def test_a_wrong_pair_is_named(name: str, ladder: Ladder) -> None:
    for outcome in judge(GROUND.quarry(GROUND.wrong[name], 0), [TRACK], ladder):
        assert not outcome.missed, outcome


def test_a_kernel_that_rounds_its_steps_is_named_and_no_fault_of_the_port(ladder: Ladder) -> None:
    quarry = GROUND.quarry(GROUND.honest["convolution"], 0)
    (outcome,) = judge(quarry, [TRACK], ladder, ("bfloat16",))
    assert outcome.passed
    assert any("native_batch_norm_backward leads" in gap for gap in outcome.gaps), outcome


@pytest.mark.slow
@pytest.mark.parametrize("track", BACKENDS)
@pytest.mark.parametrize("family", [*GROUND.honest, *GROUND.wrong], ids=lambda family: family.name)
@pytest.mark.parametrize("number", range(1, 4))
def test_every_family_on_every_backend(family: Family, track: str, number: int, ladder: Ladder) -> None:
    for outcome in judge(GROUND.quarry(family, number), [track], ladder):
        assert not outcome.missed, outcome
