"""Runs on replicas: what `compare` and `verify` come to, and what the functions of Python take."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import twotrack
from tests.support.command_line import in_process
from twotrack.shared.runs.run_folder import Run, read, runs_in
from twotrack.shared.verify.result import relative
from twotrack.shared.workers.pool import WorkerPool

DENSE = "tests.replicas.pairs:DENSE"
STEPS = ("--epochs", "1", "--examples", "640", "--seeds", "1", "--device", "cpu")
"""Ten, of 64 customers each."""


def compared(workers: WorkerPool, folder: Path, tracks: Sequence[str], replicas: int) -> tuple[list[Run], str]:
    """Return the runs of a comparison with dropout on the same masks, in float64, and what was printed."""
    folder.mkdir()
    words = ("compare", "churn_mlp", "--tracks", ",".join(tracks), "--replicas", str(replicas), "--same-masks", *STEPS)
    done = in_process(*words, folder=folder, workers=workers)
    (comparison,) = folder.glob("runs/compare_*")
    assert ("each run on 2 replicas" in (comparison / "report.html").read_text()) == (replicas == 2)
    return [read(one) for one in runs_in(comparison)], done.stdout


@pytest.mark.parametrize(
    "tracks",
    [
        pytest.param(("torch",), id="torch"),
        pytest.param(("torch", "keras:tensorflow", "keras:jax", "keras:torch"), id="all", marks=pytest.mark.slow),
    ],
)
def test_runs_on_two_replicas_are_those_of_one_and_the_report_has_the_number(
    workers: WorkerPool, tmp_path: Path, tracks: Sequence[str]
):
    several, told = compared(workers, tmp_path / "two", tracks, 2)
    alone, told_of_one = compared(workers, tmp_path / "one", tracks, 1)

    assert "each run on 2 replicas" in told
    assert "replicas" not in told_of_one
    assert [run.record.job.replicas for run in several] == [2] * len(tracks)
    for two, one in zip(several, alone, strict=True):
        assert two.record.batches == one.record.batches
        assert two.history["loss"] == pytest.approx(one.history["loss"], rel=1e-9)
        assert max(relative(one.weights[name], two.weights[name]) for name in one.weights) < 1e-9
        assert np.abs(two.logits - one.logits).max() < 1e-9


@pytest.mark.slow
def test_a_pair_of_ones_own_is_proved_on_replicas_from_python():
    record = twotrack.verify(DENSE, tracks=["keras:torch"], until="parameters", replicas=2)

    (track,) = record.tracks
    rung = track.rungs[-1]
    assert (rung.rung, rung.passed) == ("replicas", True)
    assert "2 replicas: 20 steps as one replica does them" in rung.detail
    assert rung.difference is not None
    assert rung.difference < 1e-9


@pytest.mark.slow
def test_every_track_passes_with_the_dense_pair():
    record = twotrack.verify(DENSE, replicas=2)

    assert record.passed
    assert [track.rungs[-1].rung for track in record.tracks] == ["replicas"] * 3


def test_a_model_that_no_other_process_can_build_has_no_replicas():
    with pytest.raises(twotrack.UserError, match="replicas=: every replica builds its side in a process of its own"):
        twotrack.assert_same_model(lambda: None, lambda: None, (6,), tracks=["keras:torch"], replicas=2)


def test_a_number_of_replicas_that_makes_no_sense_is_refused(tmp_path: Path):
    with pytest.raises(twotrack.UserError, match="expected 1 or more, found 0"):
        twotrack.verify(DENSE, replicas=0)
    with pytest.raises(twotrack.UserError, match="expected at most 64 on one machine, found 65"):
        twotrack.compare("churn_mlp", ["torch"], replicas=65, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
