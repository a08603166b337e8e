"""Published architectures are matched without a name; where they differ, that is the place that is named."""

from pathlib import Path

import pytest

from twotrack.shared.matching.result import Match
from twotrack.shared.verify import matching, user_pair
from twotrack.shared.workers.pool import WorkerPool

SLOW = ("LLAMA", "GEMMA", "ALBERT", "BERT", "T5", "WHISPER", "MOBILENET", "RESNET")
SECONDS = 30


def _found(name: str, workers: WorkerPool, folder: Path, by_name: bool) -> Match:
    pair = user_pair.named(f"tests.matching.architectures:{name}")
    return matching.find_match(pair, workers, folder, "keras:torch", by_name=by_name)


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("name", ["GPT2", "VIT", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_weight_is_found(name: str, by_name: bool, workers: WorkerPool, tmp_path: Path):
    match = _found(name, workers, tmp_path, by_name)

    assert match.is_whole
    assert match.seconds < SECONDS


def test_an_epsilon_of_its_own_is_where_a_vision_transformer_stops(workers: WorkerPool, tmp_path: Path):
    match = _found("VIT_EPSILON", workers, tmp_path, by_name=False)

    assert match.stuck == "model.layers.0.layernorm_before"
    assert all(difference.inside and "layernorm" in difference.recorded for difference in match.differences)
    assert not match.live_left  # the search goes on behind it
