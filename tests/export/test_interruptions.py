"""An export that is stopped leaves nothing, whoever stops it."""

import signal
from pathlib import Path

import pytest

from shared.harness.run_folder import Run
from tests.support.command_line import Running, wait_until


def exporting(run: Run, form: str, folder: Path) -> Running:
    return Running("export", run.folder, "--format", form, "--out", "a.pt2", folder=folder)


@pytest.mark.parametrize(
    ("form", "backend", "library", "sent", "code"),
    [
        ("torch-export", None, "torch", signal.SIGINT, 130),
        ("torch-export", None, "torch", signal.SIGKILL, -signal.SIGKILL),
        ("tf-serving", "tensorflow", "tensorflow", signal.SIGTERM, 143),
    ],
)
def test_a_stopped_export_leaves_nothing(
    form: str, backend: str | None, library: str, sent: signal.Signals, code: int, runs: dict[str, Run], tmp_path: Path
):
    with exporting(runs["mnist_cnn"], form, tmp_path) as command:
        command.wait_for(lambda: command.worker(backend), "its worker has started")
        worker = command.worker(backend)
        command.wait_for(lambda: any(library in one.path for one in worker.memory_maps()), "the worker is in its task")
        command.process.send_signal(sent)

        assert command.process.wait(20) == code
        wait_until(lambda: not worker.is_running(), "the worker is gone", seconds=20)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["stderr.txt"]
