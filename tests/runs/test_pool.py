"""A pool starts a worker when it is needed, shares it between threads, replaces one that failed, and ends them all."""

import os
import signal
from pathlib import Path
from threading import Barrier

import psutil
import pytest

from tests.support import harness_tasks as tasks
from tests.support.command_line import wait_until
from tests.support.harness_tasks import Death
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new
from twotrack.shared.workers.processes import WAITING, worker_environment


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_role_has_a_worker_of_its_own_that_does_one_task_after_the_other():
    with WorkerPool("cpu") as pool:
        first, again = (pool.call("torch", tasks.process, None) for _ in range(2))
        other = pool.call("torch", tasks.process, None, role="reload")

    assert first == again != other
    assert gone(first)
    assert gone(other)


def test_with_one_worker_per_track_roles_count_only_where_there_is_no_track():
    with WorkerPool("cpu", one_per_track=True) as pool:
        of_track = {pool.call("torch", tasks.process, None, role=role) for role in ("write", "reload")}
        without = {pool.call(None, tasks.process, None, role=role) for role in ("write", "reload")}

    assert (len(of_track), len(without)) == (1, 2)


def test_workers_get_the_track_the_device_and_the_threads_of_the_pool():
    with WorkerPool("cpu", threads=3) as pool:
        found = pool.call("keras:jax", tasks.environment, ["KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"])

    assert list(found.values()) == ["jax", "-1", "3"]


@pytest.mark.parametrize(
    ("pool", "policy", "spins"),
    [({"threads": 1}, "PASSIVE", ""), ({}, "", "5000"), ({"as_it_is": True}, "", "")],
    ids=["with others", "alone", "as it is"],
)
def test_threads_wait_as_fits_to_who_else_computes(
    monkeypatch: pytest.MonkeyPatch, pool: dict, policy: str, spins: str
):
    """Those of torch: at work with others they sleep, alone they look for work a moment first."""
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)

    with WorkerPool("cpu", **pool) as workers:
        found = workers.call(None, tasks.environment, ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])

    assert [value or "" for value in found.values()] == [policy, spins]


def test_how_threads_wait_is_the_users_to_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")

    environment = worker_environment(None, "cpu", 1)

    assert (environment["OMP_WAIT_POLICY"], environment.get("GOMP_SPINCOUNT")) == ("ACTIVE", None)


def test_a_worker_stays_after_a_user_error_and_is_replaced_after_any_other():
    with WorkerPool() as pool:
        first = pool.call(None, tasks.process, None)
        with pytest.raises(UserError):
            pool.call(None, tasks.refuse, "no")
        second = pool.call(None, tasks.process, None)
        with pytest.raises(WorkerDiedError, match="died"):
            pool.call(None, tasks.die, Death(0, "SIGKILL"))
        third = pool.call(None, tasks.process, None)

    assert first == second != third


def test_a_call_that_is_interrupted_returns_when_its_worker_is_gone_and_has_cleaned_up(tmp_path: Path):
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with WorkerPool() as pool:
        pid = pool.call(None, tasks.process, None)
        with pytest.raises(KeyboardInterrupt):
            pool.call(None, tasks.write_slowly, tmp_path / "run", interrupt)

        assert gone(pid)
        assert list(tmp_path.iterdir()) == []


def test_tracks_work_side_by_side():
    together = Barrier(2, timeout=60)

    def work(track: str) -> str:
        pool.call(track, tasks.count, 1, lambda _: together.wait())
        return track

    with WorkerPool("cpu") as pool:
        assert pool.each(["torch", "keras:jax"], work) == {"torch": "torch", "keras:jax": "keras:jax"}


def test_an_error_of_one_track_stops_the_worker_that_another_waits_for_and_the_pool_goes_on():
    pids: list[int] = []

    def work(track: str) -> None:
        if track == "torch":
            wait_until(lambda: bool(pids), "the other one hangs")
            raise KeyboardInterrupt
        pool.call(track, tasks.hang, 600, lambda progress: pids.append(progress.figures["pid"]))

    with WorkerPool("cpu") as pool:
        pool.call("keras:jax", tasks.count, 0)
        with pytest.raises(KeyboardInterrupt):
            pool.each(["torch", "keras:jax"], work)

        assert gone(pids[0])
        assert pool.call("keras:jax", tasks.count, 0) == "done"


@pytest.mark.lengthy  # the fast lane starts no process, and one thread would wait for the other
def test_a_track_that_had_answered_before_another_ones_error_has_a_worker_again():
    answered: list[str] = []

    def work(track: str) -> None:
        if track == "torch":
            wait_until(lambda: bool(answered), "the other one has answered")
            raise KeyboardInterrupt
        answered.append(pool.call(track, tasks.count, 0))

    with WorkerPool("cpu") as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.each(["torch", "keras:jax"], work)

        assert pool.call("keras:jax", tasks.count, 0) == "done"


def test_a_pool_that_is_lent_keeps_its_workers_and_a_new_one_does_not():
    with WorkerPool() as lent:
        with lent_or_new(lent) as pool:
            mine = pool.call(None, tasks.process, None)
        with lent_or_new(None) as pool:
            new = pool.call(None, tasks.process, None)

        assert gone(new)
        os.kill(mine, signal.SIGCONT)  # it is there
        assert lent.call(None, tasks.process, None) == mine


def test_a_pool_whose_workers_were_ended_starts_another_when_it_is_called_again():
    with WorkerPool("cpu") as pool:
        first = pool.call("torch", tasks.process, None)
        pool.end()

        assert gone(first)
        assert pool.call("torch", tasks.process, None) != first
