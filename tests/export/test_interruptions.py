"""An export that is stopped leaves nothing, whoever stops it."""

import signal
from pathlib import Path

import pytest

from tests.support.command_line import Running, wait_until
from tests.support.pools import Watched
from twotrack.shared.export.workflow import RELOAD, export
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.workers.pool import WorkerPool


def test_ctrl_c_between_writing_and_comparing_leaves_nothing(runs: dict[str, Run], workers: WorkerPool, tmp_path: Path):
    seen: list[str] = []

    def interrupt(role: str) -> None:
        if role == RELOAD:
            seen.extend(path.name for path in tmp_path.rglob("*"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(runs["mnist_cnn"].folder, "safetensors", tmp_path / "a.safetensors", Watched(workers, interrupt))

    unfinished, inside = sorted(seen)
    assert (unfinished.startswith(".a.safetensors."), unfinished.endswith(".partial")) == (True, True)
    assert inside == "a.safetensors"
    assert list(tmp_path.iterdir()) == []


def test_the_worker_of_a_command_that_was_killed_cleans_up(runs: dict[str, Run], tmp_path: Path):
    arguments = ("export", runs["mnist_cnn"].folder, "--format", "torch-export", "--out", "a.pt2")
    with Running(*arguments, folder=tmp_path) as command:
        command.wait_for(lambda: command.worker(None), "its worker has started")
        worker = command.worker(None)
        command.wait_for(lambda: any("torch" in one.path for one in worker.memory_maps()), "the worker is in its task")
        command.process.send_signal(signal.SIGKILL)
        command.process.wait(20)
        wait_until(lambda: not worker.is_running(), "the worker is gone", seconds=20)

        assert [path.name for path in tmp_path.iterdir()] == ["stderr.txt"]


def test_a_stopped_export_for_the_server_leaves_no_version(runs: dict[str, Run], tmp_path: Path):
    arguments = ("export", runs["mnist_cnn"].folder, "--format", "tf-serving", "--out", "new/models")
    with Running(*arguments, folder=tmp_path) as command:
        command.wait_for(lambda: command.worker("tensorflow"), "its worker has started")
        worker = command.worker("tensorflow")
        command.process.send_signal(signal.SIGTERM)
        code = command.process.wait(20)

        assert not worker.is_running()
    assert code == 143
    assert [path.name for path in tmp_path.iterdir()] == ["stderr.txt"]
