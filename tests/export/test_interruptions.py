"""An export that is stopped leaves nothing, whoever stops it."""

import signal
from pathlib import Path

import pytest

from shared.harness.run_folder import Run
from tests.support.command_line import Running, wait_until


def exporting(run: Run, folder: Path) -> Running:
    arguments = ("export", run.folder, "--format", "torch-export", "--out", "a.pt2")
    return Running(*arguments, folder=folder)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_export_leaves_nothing(sent: signal.Signals, code: int, runs: dict[str, Run], tmp_path: Path):
    with exporting(runs["mnist_cnn"], tmp_path) as command:
        command.wait_for(lambda: command.worker(None), "its worker has started")
        worker = command.worker(None)
        command.wait_for(lambda: any("torch" in one.path for one in worker.memory_maps()), "the worker is in its task")
        command.process.send_signal(sent)

        assert command.process.wait(20) == code
        wait_until(lambda: not worker.is_running(), "the worker is gone", seconds=20)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["stderr.txt"]
