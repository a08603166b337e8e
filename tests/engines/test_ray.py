"""Runs on a real Ray of two nodes: what survives the death of a node, of the command, and what Ctrl-C leaves."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.launching import STUB, measure
from tests.engines import scenes
from tests.support.ray_cluster import RayCluster
from twotrack.shared.engines import launching, ray_cluster
from twotrack.shared.engines.engine import Resources
from twotrack.shared.engines.ray_cluster import Ray
from twotrack.shared.engines.standing import State
from twotrack.shared.errors import UserError
from twotrack.shared.workers.pool import WorkerPool

pytestmark = pytest.mark.lengthy


@pytest.fixture(scope="module")
def ray() -> Iterator[RayCluster]:
    with RayCluster() as cluster:
        yield cluster


@pytest.fixture
def engine(ray: RayCluster) -> Iterator[tuple[str, ...]]:
    import ray as library

    yield ("--engine", "ray", "--address", ray.address)
    library.shutdown()


def test_storage_that_nodes_do_not_see_is_noticed_before_the_first_job(
    engine: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launching, "_SEEN_SECONDS", 1.0)

    scenes.storage_of_one_machine(tmp_path, engine)


def test_more_than_any_node_has_is_refused(engine: tuple[str, ...]):
    with pytest.raises(UserError, match="expected a node with 2 CPU for a job, found none"):
        Ray(Resources(cpus=2), engine[-1]).check()


def test_a_cluster_that_answers_is_taken_and_another_service_is_not(
    engine: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    Ray(Resources(), engine[-1]).check()
    monkeypatch.setattr(ray_cluster, "_ANSWER_SECONDS", 8.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UserError, match="says nothing to Ray in 8 s"):
        Ray(Resources(), f"127.0.0.1:{silent.getsockname()[1]}").check()


def test_stub_jobs_are_each_done_once(engine: tuple[str, ...], tmp_path: Path):
    measured = measure(Ray(Resources(), engine[-1], [str(STUB)]), tmp_path, 20)

    assert (measured.done, measured.failed) == (20, 0)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_at_work(engine: tuple[str, ...], tmp_path: Path):
    scenes.interrupt(tmp_path, engine)


def test_a_command_that_is_killed_goes_on(engine: tuple[str, ...], tmp_path: Path):
    scenes.go_on(scenes.kill_the_command(tmp_path, engine), engine)


@pytest.fixture
def victim(ray: RayCluster) -> Iterator[str]:
    """How the progress names a node that the test lets die; another one takes its place."""
    yield f"{os.uname().nodename}/{ray.other_nodes[0][:6]}"
    ray.start_node()


def test_a_job_is_tried_again_when_its_node_dies_and_no_other(
    ray: RayCluster, engine: tuple[str, ...], tmp_path: Path, victim: str
):
    """In stub jobs: on Slurm whole runs are what they are of, here if slow."""
    stubs = Ray(Resources(), engine[-1], [str(STUB), "5"])

    units = scenes.stubs_with_a_dying_node(tmp_path, stubs, victim, ray.kill_node)

    assert [one.state for one in units] == [State.FINISHED] * 2
    assert sorted(one.tries for one in units) == [1, 2]
    assert victim not in {one.node for one in units}


@pytest.mark.slow
def test_a_sweep_is_whole_although_a_node_dies(
    ray: RayCluster, engine: tuple[str, ...], tmp_path: Path, victim: str, workers: WorkerPool
):
    scenes.sweep_with_a_dying_node(tmp_path, engine, victim, ray.kill_node, workers)
