"""A worker does tasks in turn; its failures arrive as errors that say why, and it never outlives its parent."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support import harness_tasks as tasks
from tests.support.command_line import wait_until
from tests.support.harness_tasks import Death, Parcel
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.messages import Progress, Result, to_line
from twotrack.shared.workers.processes import LOG_LINES, Worker
from twotrack.shared.workers.task import Task, task

PARCEL = Parcel('ä\n"quoted"', [1, 2.5, None], {"deep": True}, Path("a/b"), [float("inf"), {"x": -float("inf")}])


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(None) as worker:
        yield worker


def test_a_task_gets_its_request_and_returns_its_answer(worker: Worker):
    assert worker.call(tasks.echo, PARCEL) == PARCEL


def test_progress_arrives_in_order_before_the_answer(worker: Worker):
    heard: list[Progress] = []

    assert worker.call(tasks.count, 3, heard.append) == "done"
    assert heard == [Progress("counting", {"number": number}) for number in range(3)]


def test_what_libraries_print_does_not_reach_the_answers(worker: Worker):
    assert worker.call(tasks.chatter, "python prints") == "done"
    assert worker.call(tasks.echo, PARCEL) == PARCEL


def test_what_a_module_prints_is_no_answer_and_standard_input_is_empty(worker: Worker):
    forged = to_line(Result("forged"))

    assert worker.call(tasks.forge, forged) == ""
    assert worker.call(tasks.echo, PARCEL) == PARCEL


@pytest.mark.parametrize("line", ["no json\n", "\n", "[1]\n", '{"phase": 3}\n', "\xe9\n"])
def test_what_is_no_answer_is_an_error_that_shows_it(line: str):
    with Worker(None) as worker, pytest.raises(WorkerDiedError, match="helper: expected an answer of its worker"):
        worker.call(tasks.scribble, line)


def test_a_worker_that_says_nothing_for_too_long_is_ended(monkeypatch: pytest.MonkeyPatch):
    with Worker(None) as worker:
        worker.call(tasks.echo, PARCEL)
        monkeypatch.setenv("TWOTRACK_PATIENCE", "1.5")
        with pytest.raises(WorkerDiedError, match=r"at 'sleeping': nothing was heard of it for 1\.5 s") as caught:
            worker.call(tasks.sleep, 600.0)

        _, places = str(caught.value).split("\nit was here, innermost first:\n")
        assert re.match(r'  File ".*harness_tasks\.py", line \d+ in sleep\n', places)
        wait_until(lambda: not running(worker.pid), "the worker is gone")


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan"])
def test_a_patience_that_is_no_number_of_seconds_is_refused(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TWOTRACK_PATIENCE", text)
    with Worker(None) as worker, pytest.raises(UserError, match="TWOTRACK_PATIENCE: expected seconds above 0"):
        worker.call(tasks.echo, PARCEL)


def test_a_task_that_sleeps_is_interrupted_at_once():
    start = time.monotonic()
    with suppress(KeyboardInterrupt), Worker(None) as worker:
        worker.call(tasks.sleep, 600.0, interrupt)

    assert time.monotonic() - start < 5


def interrupt(progress: Progress) -> None:
    raise KeyboardInterrupt


def test_a_user_error_arrives_as_one_and_the_worker_goes_on(worker: Worker):
    with pytest.raises(UserError, match=r"^expected this, found that; do so\.$"):
        worker.call(tasks.refuse, "expected this, found that; do so.")

    assert worker.call(tasks.echo, PARCEL) == PARCEL


def test_any_other_error_arrives_with_its_kind_reason_and_last_log_lines(worker: Worker):
    with pytest.raises(WorkerDiedError) as caught:
        worker.call(tasks.fail, "the reason")

    first, *log = str(caught.value).splitlines()
    assert first == "helper failed: ZeroDivisionError: the reason; its last log lines:"
    assert log[-1] == "  ZeroDivisionError: the reason"
    assert any("harness_tasks.py" in line for line in log)


def test_what_the_system_refuses_a_worker_is_for_the_user_to_put_right(worker: Worker):
    with pytest.raises(UserError, match=r"^'/full': no space left on device; make room there and run the command ag"):
        worker.call(tasks.fail_as_the_system_does, "/full")

    assert worker.call(tasks.echo, PARCEL) == PARCEL


def test_a_worker_does_nothing_that_is_no_task(worker: Worker):
    with pytest.raises(WorkerDiedError, match=r"harness_tasks\.plain: expected a task, found function"):
        worker.call(tasks.UNKNOWN, "text")


def test_a_function_that_no_worker_can_import_is_no_task():
    def inner(text: str) -> str:
        return text

    with pytest.raises(TypeError, match="a task is a function of a module that a worker can import"):
        task(inner)


def test_a_request_of_another_type_is_refused_before_it_is_sent(worker: Worker):
    with pytest.raises(TypeError, match="expected <class 'int'>"):
        worker.call(tasks.count, "three")

    assert worker.call(tasks.count, 0) == "done"


def test_an_answer_of_another_type_is_an_error_that_names_both(worker: Worker):
    with pytest.raises(WorkerDiedError, match=r"expected <class 'int'>: .*input_value='text'"):
        worker.call(tasks.answer_wrongly, "text")


@pytest.mark.parametrize(("name", "how"), [("SIGKILL", "SIGKILL"), ("SIGSEGV", "SIGSEGV"), (None, "exit code 3")])
def test_a_worker_that_dies_is_reported_with_how_and_its_last_log_lines(name: str | None, how: str):
    with pytest.raises(WorkerDiedError) as caught, Worker(None) as worker:
        worker.call(tasks.die, Death(100, name))

    first, *log = str(caught.value).splitlines()
    assert first == f"the worker of helper died ({how}); its last log lines:"
    assert log == [f"  log line {number}" for number in range(100 - LOG_LINES, 100)]


def test_a_worker_that_dies_without_a_word_is_reported_as_such():
    with pytest.raises(WorkerDiedError, match=r"died \(SIGKILL\); its log is empty$"), Worker(None) as worker:
        worker.call(tasks.die, Death(0, "SIGKILL"))


def test_a_worker_that_died_between_two_tasks_is_reported():
    with Worker(None) as worker:
        worker.call(tasks.echo, PARCEL)
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not running(worker.pid), "the worker is dead")
        with pytest.raises(WorkerDiedError, match=r"the worker of helper died \(SIGKILL\)"):
            worker.call(tasks.echo, PARCEL)


def test_leaving_the_block_stops_a_worker_that_hangs():
    pids: list[int] = []

    def interrupt(progress: Progress) -> None:
        pids.append(progress.figures["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Worker(None) as worker:
        worker.call(tasks.hang, 600, interrupt)

    assert not running(pids[0])


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in the foreground", "in the background"])
def _started(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let Ctrl-C be handled as in a terminal, or ignored, as a shell has it in its background jobs."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_started")
def test_leaving_the_block_inside_a_task_lets_it_remove_its_partial_folder(tmp_path: Path):
    def interrupt(_: Progress) -> None:
        assert [file.name for file in tmp_path.iterdir()] == [".run.partial"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Worker(None) as worker:
        worker.call(tasks.write_slowly, tmp_path / "run", interrupt)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("work", [tasks.write_slowly, tasks.write_deaf, tasks.write_interrupted_twice])
def test_a_worker_whose_parent_was_killed_ends_by_itself(work: Task, tmp_path: Path):
    code = (
        f"import sys; from pathlib import Path; from tests.support.harness_tasks import {work.name};"
        "from twotrack.shared.workers.processes import Worker; worker = Worker(None);"
        f"worker.call({work.name}, Path(sys.argv[1]), lambda _: print(worker.pid, flush=True))"
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
        found = worker.call(tasks.environment, ["KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"])

    assert found["KERAS_BACKEND"] == (track.removeprefix("keras:") if track != "torch" else None)
    assert (found["CUDA_VISIBLE_DEVICES"], found["JAX_PLATFORMS"]) == ("-1", "cpu")


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
