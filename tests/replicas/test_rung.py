"""The rung replicas: honest replicas do the training of one; faults, and what frameworks do otherwise, are named."""

from pathlib import Path

import numpy as np
import pytest

from tests.replicas import pairs, tasks
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify import evidence
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.replicas import LIMIT, Apart, ReplicasEvidence, Trained, Tried
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs.replicas import OnReplicas, check_replicas
from twotrack.shared.workers.pool import WorkerPool

NORMALISED = "tests.replicas.pairs:BATCH_NORM"
PLAIN = "tests.replicas.pairs:DENSE"


@pytest.fixture(scope="module")
def pool():
    """Workers of two replicas each; a process has as many devices as it began with."""
    with WorkerPool("cpu", 2) as own:
        yield own


def measured(
    pool: WorkerPool, folder: Path, track: str, pair: str, fault: str = "", synchronised: bool = True
) -> ReplicasEvidence:
    """Return what the rung sees of one side."""
    side = SideName(track=track, is_reference=track == "torch")
    request = tasks.FaultRequest(
        verify=VerifyRequest(name=pair).located(),
        side=side,
        folder=folder / f"{side.slug} {fault}",
        count=2,
        synchronised=synchronised,
        fault=fault,
    )
    devices = 1 if track == "torch" else 2  # torch's replicas are processes, which any worker starts
    return evidence.load(ReplicasEvidence, pool.call(track, tasks.measure, request, replicas=devices))


def test_two_processes_of_torch_do_the_training_of_one_and_a_sum_in_place_of_the_mean_is_seen(
    workers: WorkerPool, tmp_path: Path
):
    honest = measured(workers, tmp_path, "torch", NORMALISED)

    assert honest.is_equal
    assert honest.apart.largest < LIMIT
    wrong = measured(workers, tmp_path, "torch", PLAIN, "summed")
    assert not wrong.is_equal
    assert wrong.apart.gradient == pytest.approx(1.0)  # Adam's steps hide a factor of two; the gradients show it


def test_a_mean_of_twotracks_own_is_scaled_where_keras_scales_means_and_a_sum_is_not(workers: WorkerPool):
    """MirroredStrategy adds up; without it two replicas would have twice the gradients of one."""
    assert workers.call("keras:torch", tasks.scaled_losses, 0.5) == [0.5, 4.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "track"), [(fault, track) for fault, tracks in tasks.FAULTS.items() for track in tracks]
)
def test_a_fault_of_replicas_is_seen(pool: WorkerPool, tmp_path: Path, fault: str, track: str):
    pair = f"tests.replicas.pairs:{tasks.PAIRS.get(fault, 'DENSE')}"

    assert not measured(pool, tmp_path, track, pair, fault).is_equal


@pytest.mark.slow
@pytest.mark.parametrize("track", ["torch", "keras:tensorflow", "keras:jax", "keras:torch"])
@pytest.mark.parametrize("name", ["DENSE", "BATCH_NORM", "LAYER_NORM", "SPECIFIED", "UPDATES"])
def test_replicas_do_the_training_of_one(pool: WorkerPool, tmp_path: Path, track: str, name: str):
    assert isinstance(getattr(pairs, name).batch_size, int)

    assert measured(pool, tmp_path, track, f"tests.replicas.pairs:{name}").apart.largest < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SOPHIA", "OVERWRITTEN"])
@pytest.mark.parametrize("track", ["torch", "keras:tensorflow", "keras:jax", "keras:torch"])
def test_what_mirrored_steps_cannot_hold_is_refused_there_alone(
    pool: WorkerPool, tmp_path: Path, track: str, name: str
):
    found = measured(pool, tmp_path, track, f"tests.replicas.pairs:{name}")

    assert found.refused.startswith("--replicas: ") == (track == "keras:tensorflow")
    assert found.apart.largest < LIMIT


CAUSES = {
    ("BATCH_NORM", "statistics"): ("torch", "keras:tensorflow", "keras:torch"),
    ("CLIPPED", "clipping"): ("keras:tensorflow",),
    ("CLIPPED_BATCH_NORM", "both"): ("keras:tensorflow",),
    ("SUMMED", "sum"): ("torch", "keras:torch"),
    ("SCALAR", "scalar"): ("keras:tensorflow",),
    ("CENTRED", "whole"): ("torch", "keras:tensorflow", "keras:torch"),
    ("MASKED", "whole"): ("torch", "keras:tensorflow"),
}
"""Of pairs that frameworks do not train on several replicas as on one: by pair and cause, where."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "cause", "track"), [(*case, track) for case, tracks in CAUSES.items() for track in tracks]
)
def test_what_parts_replicas_is_proved(pool: WorkerPool, tmp_path: Path, pair: str, cause: str, track: str):
    found = measured(pool, tmp_path, track, f"tests.replicas.pairs:{pair}", synchronised=False)

    assert not found.is_equal
    assert found.cause is not None
    assert found.cause.name == cause


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "track"),
    [
        *((pair, "keras:jax") for pair, _ in CAUSES),  # one program, whose batch is whole
        *(("CLIPPED", track) for track in ("torch", "keras:torch")),
        *(("SCALAR", track) for track in ("torch", "keras:torch")),
        ("SUMMED", "keras:tensorflow"),  # which adds replicas up, and divides means alone
        *(("SYNCHRONISED", track) for track in ("torch", "keras:tensorflow")),
    ],
)
def test_what_a_framework_does_as_on_one_replica_is_equal(pool: WorkerPool, tmp_path: Path, pair: str, track: str):
    assert measured(pool, tmp_path, track, f"tests.replicas.pairs:{pair}", synchronised=False).is_equal


def test_the_verdict_names_side_size_and_cause():
    equal = ReplicasEvidence(several=Trained(losses=[1.0]))
    apart = Apart(gradient=3.4, loss=0.17, weight=0.95, where="norm.moving_mean", step=1)
    wrong = ReplicasEvidence(
        several=Trained(losses=[1.0]), apart=apart, tried=[Tried("statistics", Apart(gradient=8e-13))]
    )

    result = check_replicas(OnReplicas(2, wrong, equal))

    assert not result.passed
    assert result.where == "norm.moving_mean"
    assert "2 replicas of torch do not train as one does" in result.detail
    assert "with the statistics of the whole batch 8e-13 is left" in result.detail


def test_a_pair_that_fails_on_replicas_has_passed_all_rungs_that_it_has():
    result = RungResult("replicas", False, "2 replicas of torch do not train as one does", limit=LIMIT)

    text = ladder_text(VerifyRequest(name=PLAIN), [TrackResult("keras:jax", [result], [])])

    assert "FAIL  replicas" in text
    assert "not reached" not in text


@pytest.mark.parametrize(("weight", "is_told"), [("norm.moving_mean", True), ("hidden.kernel", False)])
def test_statistics_of_the_whole_batch_are_told_of_where_there_are_any(weight: str, is_told: bool):
    side = ReplicasEvidence(synchronised=True, several=Trained(losses=[1.0], weights=[{weight: np.zeros(2)}]))

    notes = check_replicas(OnReplicas(2, side, side)).notes

    assert bool(notes) == is_told


@pytest.mark.parametrize("grows", [False, True])
def test_other_weights_with_the_same_losses_are_a_difference_unless_rounding_grows(grows: bool):
    """Running statistics by another rule change no loss of a training."""
    torch, keras = (
        ReplicasEvidence(several=Trained(losses=[1.0], weights=[{"norm.moving_variance": np.array([value])}]))
        for value in (1.0, 1.1)
    )

    result = check_replicas(OnReplicas(2, torch, keras), grows)

    assert result.passed == grows
    assert result.difference == pytest.approx(0.1)
    assert bool(result.gaps) == grows
    assert ("norm.moving_variance" in result.detail) != grows


def test_a_difference_that_nothing_mends_has_no_cause():
    several, apart = Trained(losses=[1.0]), Apart(gradient=1.0)
    wrong = ReplicasEvidence(several=several, apart=apart, tried=[Tried("whole", Apart(gradient=1.0))])

    assert "cause unknown" in check_replicas(OnReplicas(2, ReplicasEvidence(several=several), wrong)).detail


def test_a_side_that_was_not_run_is_an_exception():
    result = check_replicas(OnReplicas(2, ReplicasEvidence(refused="its own loop"), ReplicasEvidence()))

    assert result.passed
    assert [gap.kind.value for gap in result.gaps] == ["not run"]
