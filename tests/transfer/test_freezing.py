"""What is frozen stays, batch normalisation included, and both tracks agree on what is trained."""

from pathlib import Path

import pytest

from tests.bert import folders
from tests.support.turns import QUICKEST, in_turn, quickest_alone
from tests.transfer import tasks
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

HEAD = {"head.logits.bias", "head.logits.kernel"}
LAST = {"base.conv2.bias", "base.conv2.kernel"}
STATISTICS = {f"base.{layer}.{kind}" for layer in ("norm1", "norm2") for kind in ("moving_mean", "moving_variance")}
ALL = {f"base.{layer}.{kind}" for layer in ("norm1", "norm2") for kind in ("gamma", "beta")} | {
    *HEAD,
    *LAST,
    "base.conv1.bias",
    "base.conv1.kernel",
    *STATISTICS,
}


@pytest.mark.parametrize(("pair", "trained"), [("ALL", ALL), ("HEAD", HEAD), ("LAST_BLOCK", HEAD | LAST)])
@pytest.mark.parametrize("track", TRACKS)
def test_training_changes_what_is_trained_and_nothing_else(
    workers: WorkerPool, track: str, pair: str, trained: set[str]
):
    """The second normalisation is in the last block, and frozen all the same."""
    assert set(workers.call(track, tasks.moved, tasks.OfPair(track=track, pair=pair))) == trained


@pytest.mark.parametrize("pair", ["ALL", "HEAD", "LAST_BLOCK"])
@pytest.mark.parametrize("track", TRACKS)
def test_a_pass_can_move_statistics_but_not_what_is_frozen_for_the_time(workers: WorkerPool, track: str, pair: str):
    assert set(workers.call(track, tasks.moving, tasks.OfPair(track=track, pair=pair))) == STATISTICS


def test_what_the_author_of_a_module_froze_may_move(workers: WorkerPool):
    asked = tasks.OfPair(track="torch", pair="FROZEN_BY_ITS_AUTHOR")
    assert set(workers.call("torch", tasks.moving, asked)) == {"base.conv1.kernel", "base.conv1.bias"} | STATISTICS


@pytest.mark.parametrize("track", ["keras:jax", "keras:torch"])
def test_keras_writes_a_model_down_without_tensorflow(track: str):
    with WorkerPool("cpu") as fresh:
        found = fresh.call(track, tasks.imported_to_serialise, tasks.OfPair(track=track, pair="ALL"))
    assert found == [track.removeprefix("keras:")]


@pytest.mark.parametrize(("pair", "track"), in_turn(["HEAD", "LAST_BLOCK"], order=(QUICKEST, "keras:tensorflow")))
def test_a_model_frozen_in_part_passes_the_ladder(pair: str, track: str, ladder: Ladder):
    request = VerifyRequest(name=f"tests.transfer.pairs:{pair}", causes="none")
    (result,) = ladder.climb(request, lambda *_: None, [track])
    assert result.passed, result.rungs[-1]


@pytest.mark.parametrize("track", ["torch", *quickest_alone()])
def test_a_head_on_features_is_trained_as_in_the_whole_model(workers: WorkerPool, track: str, tmp_path: Path):
    own = str(folders.write(tmp_path / "own"))

    found = workers.call(track, tasks.head_in_two_ways, tasks.OfFolder(track=track, folder=own))

    assert set(found["moved"]) == HEAD
    assert found["difference"] < 1e-6
