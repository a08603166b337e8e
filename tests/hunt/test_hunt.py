"""The short form of `make hunt`: one wrong and one honest pair of every kind, on every backend."""

import pytest
from _pytest.mark import ParameterSet

from tests.hunt.family import Families, Family
from tests.hunt.hunting import HONEST, WRONG, Quarry, climb
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.ladder import Ladder

BACKENDS = [track for track in TRACKS if track != "torch"]
WITHHELD: dict[str, str] = {}
"""Families that the ladder does not tell yet, and why."""


def of_every_kind(families: Families) -> list[ParameterSet]:
    """Return the first family of every kind."""
    kinds: dict[str, Family] = {}
    for family in families:
        kinds.setdefault(family.kind, family)
    return [pytest.param(family, marks=_marks(family), id=f"{family.name}_0") for family in kinds.values()]


def _marks(family: Family) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=WITHHELD[family.name])] if family.name in WITHHELD else []


@pytest.mark.parametrize("family", of_every_kind(WRONG))
def test_a_wrong_pair_is_detected_on_every_backend(family: Family, ladder: Ladder) -> None:
    outcomes = climb(Quarry(family, 0, wrong=True), BACKENDS, ladder)
    assert {one.track: one.verdict for one in outcomes if one.missed} == {}
    assert len(outcomes) == len(BACKENDS)


@pytest.mark.parametrize("family", of_every_kind(HONEST))
def test_an_honest_pair_is_refused_on_no_backend(family: Family, ladder: Ladder) -> None:
    outcomes = climb(Quarry(family, 0, wrong=False), BACKENDS, ladder)
    assert {one.track: one.reason for one in outcomes if one.missed} == {}
    assert len(outcomes) == len(BACKENDS)
