"""What is tried on every kind of cluster: nodes that die, commands that are interrupted or killed, strange storage."""

import json
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from tests.runs.test_resume import require_equal
from tests.support.command_line import Done, Running, in_process, wait_until
from tests.support.jobs import run
from twotrack.shared.engines.engine import Engine
from twotrack.shared.engines.launching import OnNodes
from twotrack.shared.engines.standing import Standing, State
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name, say_nothing
from twotrack.shared.runs.plans import begin
from twotrack.shared.runs.run_folder import read
from twotrack.shared.workers.pool import WorkerPool

SECONDS = 600
CHAPTERS = ("neuron", "backprop")
COMMON = ("--tracks", "torch", "--examples", "256", "--device", "cpu")
SHORT, LONG = ("--epochs", "150"), ("--epochs", "250")
"""A node is at work on them for long enough to be seen, and no longer: 2.5 and 4 s."""


def sweep_with_a_dying_node(
    folder: Path, engine: tuple[str, ...], victim: str, kill: Callable[[], None], workers: WorkerPool
) -> None:
    """Let a node die when it has done one of two runs; require a whole sweep, no run twice, and local bits."""
    options = ("--chapters", ",".join(CHAPTERS), "--seeds", "2", "--seeds-per-job", "2", *COMMON, *SHORT)
    with Running("sweep", *options, *engine, folder=folder) as command:
        wait_for(command, lambda: on_node(folder, victim), "the node is at work")
        (comparison,) = on_node(folder, victim)
        wait_for(command, (comparison / "torch_seed0/record.json").exists, "its first run is finished")
        kill()
        before = (comparison / "torch_seed0/record.json").stat()
        code = command.process.wait(SECONDS)

    assert code == 0, command.stderr
    assert "try 2" in command.stderr
    assert victim in command.stderr
    (sweep,) = folder.glob("runs/sweep_*")
    after = (comparison / "torch_seed0/record.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it was done once"
    for number, chapter in enumerate(CHAPTERS, start=1):
        place = sweep / f"{number:03d}_{chapter}_fast"
        assert sorted(one.name for one in place.iterdir()) == ["plan.json", "report.html", "torch_seed0", "torch_seed1"]
        require_as_local(place, folder / "local" / chapter, workers)


def stubs_with_a_dying_node(folder: Path, engine: Engine, victim: str, kill: Callable[[], None]) -> Sequence[Standing]:
    """Let a node die while it does one of two stub jobs; return how both stood at the end."""
    last: Sequence[Standing] = ()
    alive = [kill]

    def see(standings: Sequence[Standing]) -> None:
        nonlocal last
        last = standings
        if alive and any(one.state is State.AT_WORK and one.node == victim for one in standings):
            alive.pop()()

    request = TrainingRequest("neuron", ("torch",), (0, 1), device="cpu")
    planned = plan(request, lambda track, seed: folder / run_name(track, seed))
    with begin(planned, request) as todo:
        OnNodes(engine, 1, 1, 1, lambda: nullcontext(see), print).run(todo, say_nothing)
    return last


def on_node(folder: Path, node: str) -> list[Path]:
    """Return the comparisons that a node is at work on."""
    files = folder.glob("runs/sweep_*/*/jobs/*.progress")
    return [file.parent.parent for file in files if f'"at work", "figures": {{"node": "{node}"' in file.read_text()]


def require_as_local(comparison: Path, folder: Path, workers: WorkerPool) -> None:
    """Require the runs that this machine makes of the same jobs, to the last bit."""
    request = plans.stored_request(comparison)
    for job in plan(request, lambda track, seed: folder / run_name(track, seed)):
        require_equal(read(comparison / job.folder.name), run(workers, job))


def wait_for(command: Running, condition: Callable[[], object], what: str) -> None:
    """Wait for a condition: two frameworks are imported at a time, and other tests are at work too."""

    def true_or_over() -> bool:
        assert command.process.poll() is None or condition(), f"ended before {what}:\n{command.stderr}"
        return bool(condition())

    wait_until(true_or_over, what, SECONDS)


def interrupt(folder: Path, engine: tuple[str, ...]) -> Path:
    """Begin a comparison of three runs on two nodes, send Ctrl-C, require that nothing is left at work."""
    options = ("neuron", "--seeds", "3", "--seeds-per-job", "1", *COMMON, *LONG)
    with Running("compare", *options, *engine, folder=folder) as command:
        wait_for(command, lambda: list(folder.glob("runs/*/.torch_seed*.partial")), "a run has begun")
        command.process.send_signal(signal.SIGINT)
        code = command.process.wait(90)

    assert code == 130
    assert "could not cancel" not in command.stderr
    left = [one.name for place in folder.glob("runs/compare_*") for one in place.iterdir()]
    assert [name for name in left if name != "plan.json"] == []
    return folder


def kill_the_command(folder: Path, engine: tuple[str, ...]) -> Path:
    """Begin the same, and kill the command when two runs are in training; return the comparison."""
    options = ("neuron", "--seeds", "3", "--seeds-per-job", "1", *COMMON, *LONG)
    with Running("compare", *options, *engine, folder=folder) as command:
        wait_for(command, lambda: len(list(folder.glob("runs/*/.torch_seed*.partial"))) == 2, "two runs have begun")
        command.process.kill()
        command.process.wait()
    (comparison,) = folder.glob("runs/compare_*")
    assert len(list(comparison.glob("jobs/*.unit.json"))) == 3
    return comparison


def go_on(comparison: Path, engine: tuple[str, ...]) -> Done:
    done = in_process("compare", "--resume", comparison, *engine, "--json", folder=comparison)
    assert [one["seed"] for one in json.loads(done.stdout)["runs"]] == [0, 1, 2]
    assert sorted(one.name for one in comparison.iterdir()) == [
        "plan.json", "report.html", "torch_seed0", "torch_seed1", "torch_seed2",
    ]  # fmt: skip
    return done


def storage_of_one_machine(folder: Path, engine: tuple[str, ...]) -> None:
    """Name a folder that is another one for a process that is elsewhere; require one message and nothing left."""
    command = ("sweep", "--chapters", "neuron", *COMMON, *engine, "--out", "/proc/self/cwd/runs")
    done = in_process(*command, folder=folder, check=False)

    assert done.code == 2
    assert "expected that all nodes see '/proc/self/cwd/runs/sweep_" in done.error_line
    assert "No run was submitted." in done.error_line
    assert list(folder.iterdir()) == []
