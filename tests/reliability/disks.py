"""Disks that are full at any moment, and what a loss of power would find at any moment.

A full disk is a limit on how much a file may hold. A loss of power is read from the calls to the system, with strace:
whatever is given its name must have been synced since it was last written.
"""

import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.reliability.kills import PATIENCE, environment, run, stage_copy, train
from tests.reliability.tally import Tally
from tests.reliability.victims import VICTIMS, Victim, prepare
from tests.support.command_line import SCRIPT

CALLS = "trace=write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,truncate,ftruncate"
_CALL = re.compile(r"^\d+\s+(\w+)\((.*)\)\s*= (-?\d+)")
_OPEN = re.compile(r"^\d+<([^>]+)>")
_NAMES = re.compile(r'"((?:[^"\\]|\\.)*)"')


def fill(tally: Tally, counts: dict[str, int], seed: int, work: Path) -> None:
    """Let each of the named commands meet a full disk so many times: it says so, and leaves nothing false."""
    stage = _staged(counts, work)
    for name, count in counts.items():
        chance = np.random.default_rng([seed, len(name)])
        for number in range(count):
            place = stage_copy(stage, work / f"{name}-full-{number}")
            tally.count(f"full disks of {name}", _full(VICTIMS[name], place, int(10 ** chance.uniform(1, 6.5))))
            shutil.rmtree(place)


def _staged(counts: dict[str, int], work: Path) -> Path:
    stage = work / "disk-stage"
    stage.mkdir()
    prepare(stage)
    if counts.get("export"):
        train(stage)
    return stage


def _full(victim: Victim, place: Path, size: int) -> str:
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    done = subprocess.run(
        [SCRIPT, *victim.command], cwd=place, env=environment(place), capture_output=True, text=True, check=False,
        timeout=PATIENCE, preexec_fn=limit,
    )  # fmt: skip
    where = f"files of at most {size} bytes"
    try:
        victim.check(place, done.returncode == 0)
        if done.returncode == 0:
            return "right"
        assert "Traceback" not in done.stderr, f"a traceback: {done.stderr[-300:]}"
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert len(errors) == 1, f"said {done.stderr[-300:]!r}"
        code, said = run(place, victim.again(place) or victim.command)
        assert code == 0, f"done again with room it ends with {code}: {said[-300:]}"
        victim.check(place, True)
    except Exception as error:  # whatever goes wrong is the outcome, and is counted
        return f"{where}: {type(error).__name__}: {error}"
    return "refused"


def cut_power(tally: Tally, names: list[str], work: Path) -> None:
    """Watch each of the named commands: a name is given to nothing that a loss of power could empty."""
    stage = _staged(dict.fromkeys(names, 1), work)
    for name in names:
        place = stage_copy(stage, work / f"{name}-power")
        log = work / f"{name}.strace"
        watch = ["strace", "-f", "-y", "-s", "4096", "-e", CALLS, "-o", str(log)]
        done = subprocess.run(
            [*watch, SCRIPT, *VICTIMS[name].command], cwd=place, env=environment(place), capture_output=True,
            text=True, check=False, timeout=2 * PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        for outcome in _cuts(log, place):
            tally.count(f"losses of power in {name}", outcome)


def _cuts(log: Path, place: Path) -> Iterator[str]:
    """Yield what a cut right after each renaming in the folder would leave: right, or what would be empty."""
    unsynced: set[Path] = set()
    for line in log.read_text(errors="replace").splitlines():
        call = _CALL.match(line)
        if call is None or int(call[3]) < 0:
            continue
        kind, arguments = call[1], call[2]
        if kind.startswith("rename"):
            names = [place / name for name in _NAMES.findall(arguments)]
            if len(names) != 2 or place / "tmp" in names[1].parents or place not in names[1].parents:
                continue
            lost = [path for path in unsynced if path == names[0] or names[0] in path.parents]
            unsynced.difference_update(lost)
            unsynced.update(names[1] / path.relative_to(names[0]) for path in lost)
            if any(part.endswith(".partial") for part in names[1].parts):
                continue
            yield f"{names[1].relative_to(place)} may be cut: {sorted(path.name for path in lost)}" if lost else "right"
        elif opened := _OPEN.match(arguments):
            path = Path(opened[1])
            (unsynced.discard if "sync" in kind else unsynced.add)(path)
