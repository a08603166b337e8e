"""Random histories of commands at work on one folder of results, paused and killed at random moments.

Whatever happens: a folder has one plan and the runs of that plan alone, no command removes or changes what another has
finished, and whatever looks finished is whole. A seed and a number give the same commands and the same choices; the
moments are those of the machine.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from safetensors.numpy import load_file

from tests.reliability.kills import PATIENCE, environment, stage_copy, train
from tests.reliability.tally import Tally
from tests.support.command_line import SCRIPT
from tests.support.runs import make_run
from twotrack.shared.runs import plans
from twotrack.shared.runs.run_folder import RECORD, read

AT_ONCE = 3
"""Commands."""
_LINGER = 15.0
"""Seconds for a worker to see that its command is gone."""
TRAINED = ("--epochs", "1", "--device", "cpu", "--out", "runs")
Words = tuple[str, ...]
Draw = np.random.Generator


def _run(draw: Draw, _: Path) -> Words:
    return ("run", "neuron", "--track", "torch", "--seed", str(draw.integers(2)), "--examples", "256", *TRAINED)


def _compare(draw: Draw, _: Path) -> Words:
    examples = str(draw.choice([256, 384, 512]))
    return ("compare", "neuron", "--tracks", "torch", "--seeds", "2", "--examples", examples, *TRAINED)


def _resume(draw: Draw, place: Path) -> Words:
    begun = sorted(plan.parent for plan in place.glob("runs/compare_*/plan.json"))
    return ("compare", "--resume", str(draw.choice(begun))) if begun else _compare(draw, place)


def _report(draw: Draw, place: Path) -> Words:
    folders = sorted(place.glob("runs/compare_*")) or [place / "run"]
    return ("report", str(draw.choice(folders)), "--out", "page.html")


def _runs(draw: Draw, _: Path) -> Words:
    return ("runs", "runs", "run", *(("--csv", "list.csv") if draw.integers(2) else ("--json",)))


def _export(draw: Draw, _: Path) -> Words:
    return ("export", "run", "--format", "safetensors", "--out", f"weights{draw.integers(2)}.safetensors")


COMMANDS: dict[str, Callable[[Draw, Path], Words]] = {
    "run": _run, "compare": _compare, "resume": _resume, "report": _report, "runs": _runs, "export": _export,
}  # fmt: skip
ALONE = ("run", "compare", "export")
"""Those whose every command must end well unless it is killed: nobody else can be in their way."""


@dataclass(eq=False)
class Command:
    """One that was started."""

    kind: str
    process: psutil.Popen
    log: Path
    is_killed: bool = False

    def family(self) -> list[psutil.Process]:
        """Return it and its workers, as far as they live."""
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def require_ended_well(self) -> None:
        """Allow what is killed any end, what can be in another's way a refusal, and the rest none but a good one."""
        said, code = self.log.read_text(), self.process.returncode
        if self.is_killed or code == 0:
            return
        assert "Traceback" not in said, f"{self.kind}: {said[-500:]}"
        assert self.kind not in ALONE, f"{self.kind} ended with {code}: {said[-500:]}"
        assert said.count("error:") == 1, f"{self.kind} ended with {code}: {said[-500:]}"


@dataclass
class History:
    """What has happened so far."""

    place: Path
    draw: Draw
    alive: list[Command] = field(default_factory=list)
    seen: set[psutil.Process] = field(default_factory=set)
    """Processes that were sent a signal; a paused worker outlives a command that is killed."""
    finished: dict[Path, bytes] = field(default_factory=dict)
    """The record of every run that was seen finished."""
    told: list[str] = field(default_factory=list)

    def begin(self, kind: str) -> None:
        """Start a command."""
        words = COMMANDS[kind](self.draw, self.place)
        self.told.append(" ".join(words[:3]))
        log = self.place / "tmp" / f"{len(self.told)}.log"
        with log.open("w") as stream:
            started = psutil.Popen(
                [SCRIPT, *words], cwd=self.place, env=environment(self.place), stdout=subprocess.DEVNULL, stderr=stream,
                start_new_session=True,
            )  # fmt: skip
        self.alive.append(Command(kind, started, log))

    def signal(self, name: str) -> None:
        """Pause, let go on or kill a command: it alone, or with its workers."""
        if not self.alive:
            return
        command = self.alive[self.draw.integers(len(self.alive))]
        family = command.family()
        struck = family if self.draw.integers(2) else family[:1]
        command.is_killed |= name == "SIGKILL"
        self.seen.update(family)
        self.told.append(f"{name} of {command.kind}, {len(struck)} of {len(family)} processes")
        _send(struck, name)

    def let_end(self) -> None:
        """Let all go on, wait for the commands, and require that nobody outlives them."""
        for command in self.alive:
            self.seen.update(command.family())
        _send(self.seen, "SIGCONT")
        for command in self.alive:
            command.process.wait(PATIENCE)
        self.look()
        _, left = psutil.wait_procs(self.seen, _LINGER)
        assert not left, f"{len(left)} processes outlive their commands"

    def look(self) -> None:
        """Require what always holds, and that commands that have ended did so as they may."""
        for command in [one for one in self.alive if one.process.poll() is not None]:
            self.alive.remove(command)
            command.require_ended_well()
        for record, content in self.finished.items():
            assert record.exists(), f"{record.parent.name} was removed"
            assert record.read_bytes() == content, f"{record.parent.name} is another run now"
        for record in self.place.glob(f"runs/**/{RECORD}"):
            if not record.parent.name.startswith("."):
                self.finished.setdefault(record, record.read_bytes())

    def end(self) -> None:
        """Leave nothing at work."""
        for command in self.alive:
            self.seen.update(command.family())
        _send(self.seen, "SIGKILL")


def _send(processes: Iterable[psutil.Process], name: str) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(signal.Signals[name])


def live(
    tally: Tally,
    count: int,
    seed: int,
    work: Path,
    kinds: Sequence[str] = tuple(COMMANDS),
    steps: int = 16,
    is_trained: bool = True,
) -> None:
    """Live through so many histories of so many steps; where nothing was trained, a run made by hand lies there."""
    stage = work / "history-stage"
    stage.mkdir()
    if is_trained:
        train(stage)
    else:
        make_run(stage / "run")
    for number in range(count):
        place = stage_copy(stage, work / f"history-{number}")
        tally.count("histories", _lived(place, np.random.default_rng([seed, number]), kinds, steps, number))
        shutil.rmtree(place)


def _lived(place: Path, draw: Draw, kinds: Sequence[str], steps: int, number: int) -> str:
    history = History(place, draw)
    try:
        history.begin(kinds[0])
        for _ in range(steps):
            time.sleep(draw.uniform(0, 1.5))
            history.look()
            step = draw.choice(["begin", "begin", "begin", "SIGSTOP", "SIGCONT", "SIGCONT", "SIGKILL"])
            if step != "begin":
                history.signal(step)
            elif len(history.alive) < AT_ONCE:
                history.begin(str(draw.choice(kinds)))
        history.let_end()
        _require_whole(place)
    except Exception as error:  # whatever goes wrong is the outcome, and is counted
        return f"number {number}: {type(error).__name__}: {error}; after {history.told}"
    finally:
        history.end()
    return "right"


def _require_whole(place: Path) -> None:
    """Require that one plan rules every comparison, and that all that looks finished can be read."""
    for folder in place.glob("runs/compare_*"):
        runs = [read(record.parent).record.job for record in folder.glob(f"[!.]*/{RECORD}")]
        if (folder / plans.PLAN).exists():
            request = plans.stored_request(folder)
            planned = {path.name for path in plans.planned_folders(folder)}
            for job in runs:
                assert job.examples == request.examples, f"{folder.name} has runs of another comparison"
                assert job.folder.name in planned, f"{job.folder.name} was not planned"
        else:
            assert not runs, f"{folder.name} has runs and no plan"
    for record in place.glob(f"runs/[!.]*/{RECORD}"):
        read(record.parent)
    for page in [*place.glob("runs/compare_*/report.html"), *place.glob("page.html")]:
        assert page.read_text().rstrip().endswith("</html>"), f"{page} is cut"
    for file in place.glob("weights*.safetensors"):
        load_file(file)
    for table in place.glob("list.csv"):
        header = table.read_text().partition("\n")[0].split(",")
        assert "folder" in header, "the list is cut"
