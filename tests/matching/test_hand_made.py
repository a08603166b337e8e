"""A map that was found without a rename is the one that a person wrote, also where every name is a random word."""

from pathlib import Path

import pytest

from tests.matching import by_hand
from tests.matching.comparing import OF_TRIALS, outcome
from tests.matching.hand_maps import HAND
from twotrack.shared.atlas.architectures import ARCHITECTURES
from twotrack.shared.workers.pool import WorkerPool

QUICK = ("vit", "gpt2", "roberta")
"""A class token and positions, a fused weight, rows of a table."""
EACH = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in HAND if name not in QUICK)]
SECONDS = 30


@pytest.mark.parametrize("by_name", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("in_words", [False, True], ids=["names", "words"])
@pytest.mark.parametrize("name", EACH)
def test_a_found_map_is_the_one_written_by_hand(
    name: str, in_words: bool, by_name: bool, workers: WorkerPool, tmp_path: Path
):
    found = outcome(name, workers, tmp_path, in_words, by_name)

    assert found.match.is_whole
    assert found.match.seconds < SECONDS
    assert found.compared.is_equivalent
    assert set(found.match.live_unused) >= set(found.compared.unmade) or in_words
    if not found.match.equivalent:
        assert found.compared.others == []


def test_there_is_a_hand_made_map_of_every_architecture():
    assert {*HAND} == {*ARCHITECTURES}
    assert set(OF_TRIALS) < {*HAND}
    assert len(OF_TRIALS) == 19


def test_a_line_stands_for_every_number_and_word():
    text = "a.{i}.{q|k}_proj  b_{i+1}.{query|key}  columns {0|1}"

    found = list(by_hand.lines(text))

    assert len(found) == 2 * len(by_hand.NUMBERS["i"])
    assert found[3] == by_hand.Line("a.1.k_proj", "b_2.key", "columns", 1)
