"""Whatever kills a command or its worker: what is finished stays, what is not never looks finished, nobody lingers."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.support.command_line import Running, wait_until
from twotrack.shared.errors import UserError
from twotrack.shared.runs.run_folder import read

CHAPTER = "churn_mlp"
"""Its epochs take next to no time, so that a command is soon where a test interrupts it."""
COMMON = ("--examples", "256", "--device", "cpu", "--out", "runs")
SHORT = ("--epochs", "100", *COMMON)
"""A second or two."""
LONG = ("--epochs", "9000", *COMMON)


def folders(out: Path) -> list[Path]:
    """All folders below `out`, hidden ones included."""
    return [path for path in out.rglob("*") if path.is_dir()]


def finished(out: Path) -> list[str]:
    """The folders that `read` accepts as runs."""
    accepted = []
    for folder in folders(out):
        try:
            accepted.append(read(folder).folder.name)
        except UserError:
            continue
    return accepted


def partial(out: Path) -> list[str]:
    return [folder.name for folder in folders(out) if folder.name.endswith(".partial")]


def in_training(command: Running) -> psutil.Process:
    """Wait until torch is in its second epoch; return its worker."""
    command.wait_for(lambda: "epoch 1/9000" in command.stderr, "the first epoch is done")
    return command.worker(None)


def test_a_killed_worker_is_reported_with_its_last_log_lines_and_the_other_run_is_kept(tmp_path: Path):
    out = tmp_path / "runs"
    tracks = ("--tracks", "torch,keras:torch", "--seeds", "1")
    # With this OpenMP logs its settings when PyTorch loads it.
    with Running("compare", CHAPTER, *tracks, *SHORT, folder=tmp_path, OMP_DISPLAY_ENV="TRUE") as command:
        command.wait_for(lambda: ".keras-torch_seed0.partial" in partial(out), "Keras has begun its run")
        command.worker("torch").kill()
        code = command.process.wait(60)

    assert code == 1
    assert "torch seed 0: finished" in command.stderr
    assert "keras:torch seed 0: failed" in command.stderr
    message = command.stderr.partition("error: ")[2].splitlines()
    assert message[0] == "the worker of keras:torch died (SIGKILL); its last log lines:"
    assert any("OPENMP DISPLAY ENVIRONMENT" in line for line in message[1:])
    assert finished(out) == ["torch_seed0"]
    assert partial(out) == []
    page = next(out.glob("compare_*/report.html")).read_text()
    assert "Track keras:torch did not finish." in page
    assert "died (SIGKILL)" in page


@pytest.mark.parametrize(
    ("sent", "expected"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_ctrl_c_and_a_polite_kill_stop_the_worker_and_leave_nothing(
    tmp_path: Path, sent: signal.Signals, expected: int
):
    with Running("run", CHAPTER, "--track", "torch", *LONG, folder=tmp_path) as command:
        worker = in_training(command)
        command.process.send_signal(sent)
        code = command.process.wait(10)

        assert not worker.is_running()
    assert code == expected
    assert "Traceback" not in command.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["stderr.txt"]


def test_ctrl_c_keeps_the_runs_that_were_finished(tmp_path: Path):
    out = tmp_path / "runs"
    with Running("compare", CHAPTER, "--tracks", "torch", "--seeds", "9", *SHORT, folder=tmp_path) as command:
        command.wait_for(lambda: ".torch_seed1.partial" in partial(out), "the second run has begun")
        command.process.send_signal(signal.SIGINT)
        code = command.process.wait(10)

    assert code == 130
    assert finished(out) == ["torch_seed0"]
    assert partial(out) == []


def test_a_worker_whose_command_was_killed_ends_and_leaves_no_run(tmp_path: Path):
    with Running("run", CHAPTER, "--track", "torch", *LONG, folder=tmp_path) as command:
        worker = in_training(command)
        command.process.kill()
        command.process.wait(10)
        wait_until(lambda: not worker.is_running(), "the worker is gone", seconds=10)

    assert finished(tmp_path / "runs") == []
    assert partial(tmp_path / "runs") == []


def test_a_worker_killed_before_any_run_is_finished_leaves_nothing(tmp_path: Path):
    with Running("compare", CHAPTER, "--tracks", "torch", *LONG, folder=tmp_path) as command:
        in_training(command).kill()
        code = command.process.wait(30)

    assert code == 1
    assert "the worker of torch died (SIGKILL)" in command.stderr
    assert "error: no track finished, so there is nothing to report." in command.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["stderr.txt"]


def test_a_polite_kill_stops_a_verification_and_its_workers(tmp_path: Path):
    with Running("verify", "mnist_cnn", "--tracks", "keras:torch", folder=tmp_path) as command:
        command.wait_for(lambda: command.worker(None) and command.worker("torch"), "both workers are there")
        workers = [command.worker(None), command.worker("torch")]
        wait_until(lambda: workers[0].cpu_times().user > 2, "torch is at work")
        command.process.send_signal(signal.SIGTERM)
        code = command.process.wait(10)

        assert not any(worker.is_running() for worker in workers)
    assert code == 143
    assert "Traceback" not in command.stderr
