"""A wrong map is never called right: the search of a real architecture stops at a weight or a layer that is wrong."""

from pathlib import Path

import pytest

from tests.matching import faults
from tests.matching.comparing import TRACK
from twotrack.shared.verify import matching, user_pair
from twotrack.shared.workers.pool import WorkerPool

ARCHITECTURES = ("bert", "resnet", "vit", "gpt2", "llama", "bart", "t5")
PLACES = (0.0, 0.3, 0.5, 0.8, 1.0)
"""Of all layers with weights, in the order of their calls."""
QUICK = {("bert", "perturbed", 0.5), ("vit", "swapped", 0.3)}
FAULTS = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
    for case in (
        (name, fault, place) for name in ARCHITECTURES for fault in ("perturbed", "swapped") for place in PLACES
    )
]
GROUP = 4
"""Layers on one input are told apart by what follows them: query, key, value, and then what they lead to."""


@pytest.mark.parametrize(("name", "fault", "place"), FAULTS)
def test_the_search_stops_at_a_wrong_weight(
    name: str, fault: faults.Fault, place: float, workers: WorkerPool, tmp_path: Path
):
    found = faults.searched(name, fault, place, workers, tmp_path)

    assert not found.match.is_proved
    assert not found.match.is_whole
    places = sorted(found.order.index(unit) for unit in found.units)
    stuck = found.order.index(found.match.stuck)
    # A perturbed weight may stand in several layers, and the search may be stuck at any of them.
    assert any(place <= stuck <= place + GROUP for place in (places if fault == "perturbed" else places[:1]))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "gpt2" else pytest.mark.slow) for n in faults.LEFT_OUT]
)
def test_the_search_stops_at_a_layer_that_is_left_out(name: str, workers: WorkerPool, tmp_path: Path):
    pair = user_pair.named(f"tests.matching.faults:WITHOUT.{name}")

    match = matching.find_match(pair, workers, tmp_path, TRACK, by_name=False)

    assert not match.is_proved
    assert match.live_left
    assert match.stuck
