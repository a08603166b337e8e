"""Every family keeps its word: wrong pairs differ where it says, honest ones nowhere that is looked at."""

import pytest

from tests.hunt.family import PairFamilies
from tests.hunt.hunting import GROUND
from tests.hunt.truth import look
from twotrack.shared.workers.pool import WorkerPool

SAME = 1e-9
"""Relative, of honest pairs: rounding in float64."""
APART, CLOSE = 8.0, 6.0
"""Standard errors between moments of draws: of wrong pairs at least, of honest ones at most. A few hundred moments are
compared, the largest of which is 4 by chance."""
TRACK = "keras:torch"
"""Both frameworks live in its worker."""


def names(families: PairFamilies) -> list[str]:
    return [f"{family.name}_0" for family in families]


@pytest.mark.parametrize("name", names(GROUND.wrong))
def test_a_wrong_pair_differs_where_its_family_says(name: str, workers: WorkerPool) -> None:
    found = workers.call(TRACK, look, f"tests.hunt.wrong:{name}")
    assert found.difference > (APART if found.by == "draws" else found.least)


@pytest.mark.parametrize("name", names(GROUND.honest))
def test_an_honest_pair_is_one_model(name: str, workers: WorkerPool) -> None:
    found = workers.call(TRACK, look, f"tests.hunt.honest:{name}")
    assert found.difference < (CLOSE if found.by == "draws" else SAME)


def test_there_are_enough_families_of_both_and_no_name_stands_for_two() -> None:
    both = [family.name for families in (GROUND.wrong, GROUND.honest) for family in families]
    assert len(GROUND.wrong) >= 60
    assert len(GROUND.honest) >= 40
    assert len(set(both)) == len(both)


def test_a_thousand_different_pairs_can_be_made() -> None:
    chosen = GROUND.choose(1000, 0)
    described = {(quarry.family.name, quarry.family.parameters(quarry.number)) for quarry in chosen}
    assert len(described) == len({quarry.reference for quarry in chosen}) == 1000
    assert sum(quarry.wrong for quarry in chosen) == 600


def test_a_name_makes_the_same_pair_again() -> None:
    first, second = (GROUND.choose(50, seed) for seed in (3, 3))
    assert [quarry.reference for quarry in first] == [quarry.reference for quarry in second]
    assert [quarry.family.parameters(quarry.number) for quarry in first] == [
        quarry.family.parameters(quarry.number) for quarry in second
    ]


def test_another_seed_makes_other_pairs() -> None:
    assert not {one.reference for one in GROUND.choose(300, 0)} & {one.reference for one in GROUND.choose(300, 1)}
