"""Published architectures are matched without a name; where they differ, that is the place that is named."""

from pathlib import Path

import pytest

from twotrack.shared.atlas import architectures
from twotrack.shared.matching.result import Match
from twotrack.shared.verify import matching, user_pair
from twotrack.shared.workers.pool import WorkerPool

QUICK = ("gpt2", "vit", "bart")
SECONDS = 30
SLOW = tuple(name for name in architectures.ARCHITECTURES if name not in QUICK)


def _found(name: str, which: str, workers: WorkerPool, folder: Path, by_name: bool) -> Match:
    pair = user_pair.named(architectures.reference(name, which))
    return matching.find_match(pair, workers, folder, "keras:torch", by_name=by_name)


@pytest.mark.parametrize("by_name", [pytest.param(True, marks=pytest.mark.slow), False])
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_weight_of_what_was_aligned_is_found(name: str, by_name: bool, workers: WorkerPool, tmp_path: Path):
    match = _found(name, "aligned", workers, tmp_path, by_name)

    assert match.is_whole
    assert match.seconds < SECONDS


def test_an_epsilon_of_its_own_is_where_a_vision_transformer_stops(workers: WorkerPool, tmp_path: Path):
    match = _found("vit", "published", workers, tmp_path, by_name=False)

    assert match.stuck == "model.layers.0.layernorm_before"
    assert all(difference.inside and "layernorm" in difference.recorded for difference in match.differences)
    assert not match.live_left  # the search goes on behind it
