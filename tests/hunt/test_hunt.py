"""The short form of `make hunt`: one wrong and one honest pair of each kind, the backends taking turns.

Kinds of which other tests have pairs of their own are slow.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.hunt.family import Family, PairFamilies
from tests.hunt.hunting import GROUND, climb
from tests.support.turns import MOSTLY_QUICKEST
from twotrack.shared.verify.ladder import Ladder

ELSEWHERE = {
    **dict.fromkeys(("random kind", "random rate", "random place", "random mode", "random"), "tests/dropout"),
    **dict.fromkeys(("ordinary", "normalisation"), "tests/conformance"),
    **dict.fromkeys(
        ("regularizer", "gradient size", "step number", "weights size", "optimizer"), "tests/verify/test_optimizer.py"
    ),
    **dict.fromkeys(
        ("loss", "loss: large errors", "loss: tiny errors", "loss: extreme logits", "loss: rare classes"),
        "tests/verify/test_loss.py",
    ),
    **dict.fromkeys(
        ("values", "tiny values", "pooling", "batch size", "length", "mode", "state"), "tests/verify/test_range.py"
    ),
    "frozen": "tests/diagnosis and tests/transfer",
}
"""Kinds of which these climb with pairs of their own by default; slow here."""


def of_every_kind(families: PairFamilies) -> list[ParameterSet]:
    """Return the first family of every kind, each with a backend."""
    kinds: dict[str, Family] = {}
    for family in families:
        kinds.setdefault(family.kind, family)
    return [
        pytest.param(family, track, marks=_marks(family), id=f"{family.name}_0-{track}")
        for number, family in enumerate(kinds.values())
        for track in [MOSTLY_QUICKEST[number % len(MOSTLY_QUICKEST)]]
    ]


def _marks(family: Family) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.slow,) if family.kind in ELSEWHERE else ()


@pytest.mark.parametrize(("family", "track"), of_every_kind(GROUND.wrong))
def test_a_wrong_pair_is_detected(family: Family, track: str, ladder: Ladder) -> None:
    (outcome,) = climb(GROUND.quarry(family, 0), [track], ladder)
    assert not outcome.missed, outcome


@pytest.mark.parametrize(("family", "track"), of_every_kind(GROUND.honest))
def test_an_honest_pair_is_not_refused(family: Family, track: str, ladder: Ladder) -> None:
    (outcome,) = climb(GROUND.quarry(family, 0), [track], ladder)
    assert not outcome.missed, outcome.reason
