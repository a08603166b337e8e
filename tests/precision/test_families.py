"""The short form of `python -m tests.precision`: a few pairs of each kind, in one precision each."""

import pytest

from tests.hunt.family import Family
from tests.precision.hunting import HONEST, WRONG, Quarry, judge
from tests.support.turns import BACKENDS
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.verify.ladder import Ladder

TRACK = "keras:torch"
SHORT: dict[str, Arithmetic] = {"many_rows": "float16", "normalised": "float32"}
"""Honest families of which a pair is judged by default, in one precision; all others are slow."""
SHORT_WRONG = ("sums", "tf32", "gradient")
"""Wrong ones, that the type of no operation shows."""


@pytest.mark.parametrize("name", SHORT)
def test_an_honest_pair_is_only_rounding(name: str, ladder: Ladder) -> None:
    quarry = Quarry(HONEST[name], 0, wrong=False)
    (outcome,) = judge(quarry, [TRACK], ladder, (SHORT[name],))
    assert not outcome.missed, outcome


@pytest.mark.parametrize("name", SHORT_WRONG)
def test_a_wrong_pair_is_named(name: str, ladder: Ladder) -> None:
    for outcome in judge(Quarry(WRONG[name], 0, wrong=True), [TRACK], ladder):
        assert not outcome.missed, outcome


def test_a_kernel_that_rounds_its_steps_is_named_and_no_fault_of_the_port(ladder: Ladder) -> None:
    quarry = Quarry(HONEST["convolution"], 0, wrong=False)
    (outcome,) = judge(quarry, [TRACK], ladder, ("bfloat16",))
    assert outcome.passed
    assert any("native_batch_norm_backward leads" in gap for gap in outcome.gaps), outcome


@pytest.mark.slow
@pytest.mark.parametrize("track", BACKENDS)
@pytest.mark.parametrize("family", [*HONEST, *WRONG], ids=lambda family: family.name)
@pytest.mark.parametrize("number", range(1, 4))
def test_every_family_on_every_backend(family: Family, track: str, number: int, ladder: Ladder) -> None:
    quarry = Quarry(family, number, wrong=family in list(WRONG))
    for outcome in judge(quarry, [track], ladder):
        assert not outcome.missed, outcome
