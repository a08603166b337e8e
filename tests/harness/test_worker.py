"""A worker does tasks in turn; its failures arrive as errors that say why, and it never outlives its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.command_line import wait_until
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.harness.processes import LOG_LINES, Worker
from twotrack.shared.track import TRACKS

TASKS = "tests.support.harness_tasks"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(None) as worker:
        yield worker


def test_a_task_gets_its_arguments_and_returns_its_result(worker: Worker):
    arguments = {"text": 'ä\n"quoted"', "numbers": [1, 2.5, None], "nested": {"deep": True}}

    assert worker.call(f"{TASKS}:echo", arguments) == arguments


def test_progress_arrives_in_order_before_the_result(worker: Worker):
    heard: list[Mapping[str, Any]] = []

    assert worker.call(f"{TASKS}:count", {"to": 3}, heard.append) == "done"
    assert heard == [{"phase": "counting", "number": number} for number in range(3)]


def test_what_libraries_print_does_not_reach_the_answers(worker: Worker):
    assert worker.call(f"{TASKS}:chatter", {}) == "done"
    assert worker.call(f"{TASKS}:echo", {"still": "there"}) == {"still": "there"}


def test_a_user_error_arrives_as_one_and_the_worker_goes_on(worker: Worker):
    with pytest.raises(UserError, match=r"^expected this, found that; do so\.$"):
        worker.call(f"{TASKS}:refuse", {})

    assert worker.call(f"{TASKS}:echo", {}) == {}


def test_any_other_error_arrives_with_its_kind_reason_and_last_log_lines(worker: Worker):
    with pytest.raises(WorkerDiedError) as caught:
        worker.call(f"{TASKS}:fail", {})

    first, *log = str(caught.value).splitlines()
    assert first == "helper failed: ZeroDivisionError: the reason; its last log lines:"
    assert log[-1] == "  ZeroDivisionError: the reason"
    assert any("harness_tasks.py" in line for line in log)


def test_an_unknown_task_is_an_error_that_names_it(worker: Worker):
    with pytest.raises(WorkerDiedError, match="has no attribute 'no_such_task'"):
        worker.call(f"{TASKS}:no_such_task", {})


@pytest.mark.parametrize(("name", "how"), [("SIGKILL", "SIGKILL"), ("SIGSEGV", "SIGSEGV"), (None, "exit code 3")])
def test_a_worker_that_dies_is_reported_with_how_and_its_last_log_lines(name: str | None, how: str):
    with pytest.raises(WorkerDiedError) as caught, Worker(None) as worker:
        worker.call(f"{TASKS}:die", {"lines": 100, "signal": name})

    first, *log = str(caught.value).splitlines()
    assert first == f"the worker of helper died ({how}); its last log lines:"
    assert log == [f"  log line {number}" for number in range(100 - LOG_LINES, 100)]


def test_a_worker_that_dies_without_a_word_is_reported_as_such():
    with pytest.raises(WorkerDiedError, match=r"died \(SIGKILL\); its log is empty$"), Worker(None) as worker:
        worker.call(f"{TASKS}:die", {"lines": 0, "signal": "SIGKILL"})


def test_a_worker_that_died_between_two_tasks_is_reported():
    def kill() -> None:
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not running(worker.pid), "the worker is dead")

    with pytest.raises(WorkerDiedError, match=r"the worker of helper died \(SIGKILL\)"), Worker(None) as worker:
        worker.call(f"{TASKS}:echo", {"after": kill()})


def test_leaving_the_block_stops_a_worker_that_hangs():
    pids: list[int] = []

    def interrupt(figures: Mapping[str, Any]) -> None:
        pids.append(figures["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Worker(None) as worker:
        worker.call(f"{TASKS}:hang", {}, interrupt)

    assert not running(pids[0])


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in the foreground", "in the background"])
def _started(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let Ctrl-C be handled as in a terminal, or ignored, as a shell has it in its background jobs."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_started")
def test_leaving_the_block_inside_a_task_lets_it_remove_its_partial_folder(tmp_path: Path):
    def interrupt(_: Mapping[str, Any]) -> None:
        assert [file.name for file in tmp_path.iterdir()] == [".run.partial"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Worker(None) as worker:
        worker.call(f"{TASKS}:write_slowly", {"folder": str(tmp_path / "run")}, interrupt)

    assert list(tmp_path.iterdir()) == []


def test_a_worker_whose_parent_was_killed_ends_by_itself(tmp_path: Path):
    code = (
        "import sys; from twotrack.shared.harness.processes import Worker; worker = Worker(None);"
        f"worker.call('{TASKS}:write_slowly', {{'folder': sys.argv[1]}}, lambda _: print(worker.pid, flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.kill()

    wait_until(lambda: not running(pid), "the worker is gone")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("track", TRACKS)
def test_a_worker_starts_with_the_environment_that_its_framework_reads_at_import(track: str):
    with Worker(track, "cpu") as worker:
        found = worker.call(f"{TASKS}:environment", {})

    assert found.get("KERAS_BACKEND") == (track.removeprefix("keras:") if track != "torch" else None)
    assert (found["CUDA_VISIBLE_DEVICES"], found["JAX_PLATFORMS"]) == ("-1", "cpu")


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
