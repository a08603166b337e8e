"""Runs on a real Slurm of two nodes: what survives the death of a node, of the command, and what Ctrl-C leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.launching import STUB, measure
from tests.engines import scenes
from tests.support.slurm import Slurm as Cluster
from twotrack.shared.engines import launching
from twotrack.shared.engines.engine import Resources
from twotrack.shared.engines.slurm import Slurm, SlurmOptions
from twotrack.shared.errors import UserError
from twotrack.shared.workers.pool import WorkerPool

pytestmark = pytest.mark.lengthy

ENGINE = ("--engine", "slurm", "--partition", "main", "--time", "10")


@pytest.fixture
def slurm(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        yield cluster


def test_a_sweep_is_whole_although_a_node_dies(slurm: Cluster, tmp_path: Path, workers: WorkerPool):
    scenes.sweep_with_a_dying_node(tmp_path, ENGINE, "n2", lambda: slurm.kill_node("n2"), workers)


def test_ctrl_c_leaves_nothing_at_work(slurm: Cluster, tmp_path: Path):
    scenes.interrupt(tmp_path, ENGINE)

    assert slurm.ask("squeue", "--noheader", "--states=RUNNING,PENDING") == ""


def test_a_command_that_is_killed_goes_on_with_the_jobs_that_run_and_repeats_the_one_that_waits(
    slurm: Cluster, tmp_path: Path
):
    comparison = scenes.kill_the_command(tmp_path, ENGINE)
    before = slurm.ask("squeue", "--noheader", "--array", "--states=all", "--format=%i").split()

    done = scenes.go_on(comparison, ENGINE)

    told = [line for line in done.stderr.splitlines() if ": at work on n" in line]
    assert len(told) == len(before) - 1 == 3
    assert "try 2" not in done.stderr
    after = slurm.ask("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
    assert len({line.split()[0] for line in after} - set(before)) == 1, "the one that had waited"
    assert sum("CANCELLED" in line for line in after) == 1


def test_storage_that_nodes_do_not_see_is_noticed_before_the_first_job(
    slurm: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launching, "_SEEN_SECONDS", 1.0)

    scenes.storage_of_one_machine(tmp_path, ENGINE)


def test_what_sbatch_refuses_is_said(slurm: Cluster, tmp_path: Path):
    engine = Slurm(Resources(), SlurmOptions(partition="nowhere"))

    with pytest.raises(UserError, match="expected 1 CPUs for a job, found 0 in the partition 'nowhere'"):
        engine.check()
    with pytest.raises(UserError, match=r"sbatch refuses the jobs: .*Invalid partition name"):
        engine.submit([tmp_path / "unit"], "twotrack-test", tmp_path)


def test_stub_jobs_are_each_done_once(slurm: Cluster, tmp_path: Path):
    measured = measure(Slurm(Resources(), SlurmOptions(), [str(STUB)]), tmp_path, 6)

    assert (measured.done, measured.failed) == (6, 0)
    limits = slurm.ask("squeue", "--noheader", "--states=all", "--format=%l").split()
    assert set(limits) <= {"UNLIMITED", "365-00:00:00"}, "nobody asked for a limit"


def test_a_slurm_that_does_not_answer_is_said(slurm: Cluster):
    slurm.stop_controller()

    with pytest.raises(UserError, match=r"sinfo does not answer: .*; see that Slurm runs"):
        Slurm(Resources(), SlurmOptions()).check()
