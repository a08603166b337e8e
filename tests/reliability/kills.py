"""Commands are killed at random moments, and done again: nothing false is left, nobody lingers, the rest is done."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from tests.reliability.tally import Tally
from tests.reliability.victims import SMALL, VICTIMS, Contents, Victim, prepare
from tests.support.command_line import SCRIPT

HOWS = ("command", "workers", "all", "interrupt")
"""Who is killed: the command alone, its workers alone, all at once; or the command is asked to stop."""
PATIENCE = 300.0
"""Seconds for a command on a busy machine."""
_LINGER = 15.0


def kill(tally: Tally, counts: dict[str, int], seed: int, work: Path) -> None:
    """Kill each of the named commands so many times."""
    stage = work / "stage"
    stage.mkdir()
    prepare(stage)
    if counts.get("export"):
        train(stage)
    for name, count in counts.items():
        victim = VICTIMS[name]
        seconds, whole = _whole(victim, stage_copy(stage, work / f"{name}-whole"))
        chance = np.random.default_rng([seed, len(name), ord(name[0])])
        for number in range(count):
            how, moment = HOWS[number % len(HOWS)], float(chance.uniform(0, seconds))
            place = stage_copy(stage, work / f"{name}-{number}")
            tally.count(f"kills of {name}", _outcome(victim, place, how, moment, whole))
            shutil.rmtree(place)


def stage_copy(stage: Path, place: Path) -> Path:
    """Copy what is prepared into a folder for one try."""
    shutil.copytree(stage, place)
    (place / "tmp").mkdir(exist_ok=True)
    return place


def train(stage: Path) -> None:
    """Leave a run to export."""
    code, said = run(stage, ("run", "churn_mlp", "--track", "torch", *SMALL, "--out", "trained"))
    assert code == 0, said
    (folder,) = (stage / "trained").iterdir()
    folder.rename(stage / "run")


def _whole(victim: Victim, place: Path) -> tuple[float, Contents]:
    """Let the command end by itself; return the seconds that it took, and what it left."""
    start = time.monotonic()
    code, said = run(place, victim.command)
    assert code == 0, f"{victim.name} fails without being killed: {said}"
    return time.monotonic() - start, victim.check(place, True)


def _outcome(victim: Victim, place: Path, how: str, moment: float, whole: Contents) -> str:
    """Kill the command at a moment and do it again; return `right`, or what was wrong."""
    where = f"{how} killed after {moment:.2f} s"
    try:
        _strike(place, victim.command, how, moment)
        left = victim.check(place, False)
        assert left.items() <= whole.items(), f"what is finished has other bits: {sorted(left)}"
        again = victim.again(place)
        if again:
            code, said = run(place, again)
            assert code == 0, f"done again it ends with {code}: {said[-300:]}"
        assert victim.check(place, True) == whole, "done again it has other bits"
    except Exception as error:  # whatever goes wrong is the outcome, and is counted
        return f"{where}: {type(error).__name__}: {error}"
    return "right"


def _strike(place: Path, command: tuple[str, ...], how: str, moment: float) -> None:
    process = psutil.Popen(
        [SCRIPT, *command], cwd=place, env=environment(place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with suppress(psutil.TimeoutExpired):
        process.wait(moment)
    workers = process.children(recursive=True) if process.is_running() else []
    struck = {"command": [process], "workers": workers or [process], "all": [process, *workers]}.get(how, [])
    for one in struck:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    if how == "interrupt":
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    _, left = psutil.wait_procs(workers, _LINGER)
    for one in left:
        one.kill()
    assert not left, f"{len(left)} workers outlive the command"


def run(place: Path, command: tuple[str, ...]) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said."""
    done = subprocess.run(
        [SCRIPT, *command], cwd=place, env=environment(place), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    return done.returncode, done.stderr


def environment(place: Path) -> dict[str, str]:
    """Return an environment in which cache and temporary files are in the folder.

    Python compiles nothing into it: what it cannot finish writing there is cut short, and is no file of twotrack's.
    """
    cache, temporary = str(place / "cache"), str(place / "tmp")
    return {**os.environ, "XDG_CACHE_HOME": cache, "TMPDIR": temporary, "PYTHONDONTWRITEBYTECODE": "1"}
