"""The coordinator on an engine of processes: tries are counted, failures named, and work is cancelled."""

import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.launching import STUB
from tests.support.command_line import wait_until
from twotrack.shared.engines import launching
from twotrack.shared.engines.launching import OnNodes
from twotrack.shared.engines.standing import Standing, State
from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import TrainingOutcome, TrainingRequest, plan, run_name, say_nothing
from twotrack.shared.runs.plans import Todo
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.units import UnitFile


class Processes:
    """An engine without a queue: the probe is a stub's, every other unit is done by a shell's script."""

    title = "Processes"
    poll_seconds = 0.05

    def __init__(self, script: str):
        self._script = script
        self._running: dict[Path, subprocess.Popen[bytes]] = {}
        self.submitted: list[str] = []
        self.cancelled: set[str] = set()

    def check(self) -> None: ...

    def width(self) -> int:
        return 2

    def submit(self, units: Sequence[Path], submission: str, folder: Path) -> None:
        for unit in units:
            is_probe = "probe" in unit.name
            command = [str(STUB), str(unit)] if is_probe else ["sh", "-c", self._script, str(STUB), str(unit)]
            self._running[unit] = subprocess.Popen(command)
            self.submitted += [] if is_probe else [UnitFile(unit).name]

    def ended(self) -> dict[Path, str]:
        over = [unit for unit, process in self._running.items() if process.poll() is not None]
        return {unit: f"exit code {self._running.pop(unit).returncode}" for unit in over}

    def cancel(self, submissions: Collection[str], waiting: bool = False) -> None:
        if not waiting:
            self.cancelled |= set(submissions)
            for process in self._running.values():
                process.terminate()
                process.wait()


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    monkeypatch.setattr(launching, "_LOOK_SECONDS", 0.05)
    request = TrainingRequest("neuron", ("torch", "keras:torch"), (0, 1), device="cpu")
    return plan(request, lambda track, seed: tmp_path / run_name(track, seed))


def launch(engine: Processes, jobs: list[Job], retries: int = 2, on: object = None) -> TrainingOutcome:
    said: list[str] = []

    @contextmanager
    def showing() -> Iterator[object]:
        yield on or (lambda standings: None)

    return OnNodes(engine, 1, retries, 1, showing, said.append).run(Todo(jobs), say_nothing)


def test_every_run_is_done_and_nothing_else_is_left(jobs: list[Job], tmp_path: Path):
    outcome = launch(Processes('"$0" "$1"; rm -f "$1.runs"'), jobs)

    assert set(outcome.folders) == {job.folder for job in jobs}
    assert outcome.failures == []
    assert {one.name for one in tmp_path.iterdir()} == {job.folder.name for job in jobs}


def test_a_unit_that_fails_once_is_tried_again_and_no_other(jobs: list[Job], tmp_path: Path):
    fails_once = f'case "$1" in *keras*0002*) [ -e {tmp_path}/failed ] || {{ touch {tmp_path}/failed; exit 7; }};; esac'
    engine = Processes(f'{fails_once}; "$0" "$1"')

    outcome = launch(engine, jobs)

    assert outcome.failures == []
    assert len(outcome.folders) == 4
    assert len(engine.submitted) == 5
    assert sorted(engine.submitted).count(next(name for name in engine.submitted if "0002" in name)) == 2


def test_a_unit_that_always_fails_is_tried_so_often_and_named_with_its_log(jobs: list[Job]):
    script = 'case "$1" in *keras*0002*) echo why > "${1%.unit.json}.log"; exit 7;; esac; "$0" "$1"'
    engine = Processes(script)

    outcome = launch(engine, jobs, retries=1)

    (failure,) = outcome.failures
    first, log = failure.message.splitlines()
    assert failure.track == "keras:torch"
    assert first == "neuron keras:torch seed 0 failed 2 times, at last: exit code 7"
    assert Path(log.removeprefix("log: ")).read_text() == "why\n"
    assert len(engine.submitted) == 5
    assert len(outcome.folders) == 3, "the others are done"


def test_what_only_the_user_can_put_right_is_not_tried_again(jobs: list[Job]):
    line = '{"run": "", "progress": {"phase": "refused", "figures": {"message": "no such thing"}}}'
    engine = Processes(f"echo '{line}' >> \"${{1%.unit.json}}.progress\"; exit 2")

    outcome = launch(engine, jobs[:1])

    (failure,) = outcome.failures
    assert "failed once, at last: no such thing" in failure.message
    assert len(engine.submitted) == 1


def test_a_unit_whose_job_is_gone_is_not_done_anew_while_something_holds_it(jobs: list[Job], tmp_path: Path):
    """A node that was counted as dead may still be at work."""
    free = tmp_path / "free"
    holder = f'(flock -x 9; touch {tmp_path}/held; while [ ! -e {free} ]; do sleep 0.05; done) 9<>"$1" &'
    first = f"{holder} while [ ! -e {tmp_path}/held ]; do sleep 0.05; done; exit 1"
    script = f'if [ -e {tmp_path}/held ]; then "$0" "$1"; else {first}; fi'
    engine = Processes(script)
    looks: list[int] = []

    def watch(standings: Sequence[Standing]) -> None:
        looks.append(len(engine.submitted))
        if len(looks) == 10:
            assert set(looks) == {1}, "it is held, so it waits"
            free.touch()

    outcome = launch(engine, jobs[:1], on=watch)

    assert outcome.failures == []
    assert len(engine.submitted) == 2


def test_an_interruption_cancels_takes_everything_back_and_leaves_nothing(jobs: list[Job], tmp_path: Path):
    engine = Processes("exec sleep 600")

    def interrupt(standings: Sequence[Standing]) -> None:
        assert {one.state for one in standings} == {State.WAITING}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(engine, jobs, on=interrupt)

    assert len(engine.cancelled) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_node_whose_locks_are_its_own_is_refused(jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    engine = Processes("exit 1")
    take = Standing._take

    def take_unlocked(self: Standing, told: object) -> None:
        take(self, told)
        self.sees_lock = False

    monkeypatch.setattr(Standing, "_take", take_unlocked)
    with pytest.raises(UserError, match=r"found that .* does not see its locks; choose a folder on shared storage"):
        launch(engine, jobs)

    assert engine.submitted == []
    wait_until(lambda: list(tmp_path.iterdir()) == [], "nothing is left", 5)
