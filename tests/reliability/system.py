"""Every command in trouble with the system: it does what it was told or says in one line why not, and lies nowhere."""

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from tests.reliability import troubles
from tests.reliability.commands import COMMANDS, Told, staged
from tests.reliability.kills import PATIENCE, environment, stage_copy
from tests.reliability.tally import Tally
from tests.reliability.troubles import TROUBLES, Trouble
from tests.support.command_line import SCRIPT
from twotrack.shared.runs.run_folder import RECORD, read


def trouble(
    tally: Tally, chosen: Sequence[str], names: Sequence[str], seed: int, work: Path, is_trained: bool = True
) -> None:
    """Run the chosen commands in each of the named troubles."""
    stage = staged(work, is_trained)
    for name in chosen:
        for number, told in enumerate(COMMANDS[name]):
            chance, usual = np.random.default_rng([seed, number, *name.encode()]), 1.0
            for one in map(TROUBLES.__getitem__, names):
                place = stage_copy(stage, work / f"{name}-{number}")
                start = time.monotonic()
                outcome = _outcome(told, one, place, chance.uniform(0, usual))
                usual = time.monotonic() - start if outcome == "right" else usual
                tally.count(f"commands, {one.name}", outcome)
                shutil.rmtree(place)


def _outcome(told: Told, one: Trouble, place: Path, moment: float) -> str:
    where = f"{' '.join(told.words)}, struck after {moment:.2f} s" if one.strike else " ".join(told.words)
    troubles.mark(place)
    try:
        code, said = _run(told, one, place, moment)
        troubles.open_again(place)
        for path in troubles.new_in(place):
            require_whole(path, one.leaves)
        if code == told.code == 0:
            return "right"
        assert code, f"ended with 0 in the place of {told.code}"
        assert "Traceback" not in said, f"a traceback: {said[-600:]}"
        errors = [line for line in said.splitlines() if line.lower().startswith("error:")]
        assert len(errors) == 1, f"said {said[-300:]!r}"
    except Exception as error:  # whatever goes wrong is the outcome, and is counted
        troubles.open_again(place)
        return f"{where}: {type(error).__name__}: {error}"
    return "refused"


def _run(told: Told, one: Trouble, place: Path, moment: float) -> tuple[int, str]:
    """Run a command in trouble; return its exit code and what it said on standard error."""
    with open(one.stdout or "/dev/null", "w") as stdout, (place / "tmp/stderr").open("w+") as stderr:
        one.before(place)
        process = subprocess.Popen(
            [SCRIPT, *told.words], cwd=place, env=one.environment_in(place, environment(place)),
            stdout=stdout, stderr=stderr, preexec_fn=one.in_child,  # noqa: PLW1509 - this process has one thread
        )  # fmt: skip
        if one.strike:
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            one.strike(place)
        process.wait(PATIENCE)
        stderr.seek(0)
        return process.returncode, stderr.read()


def require_whole(path: Path, leaves: bool) -> None:
    """AssertionError for something that looks finished and is not, and for what is left over unless it must be."""
    if path.name.endswith(".partial"):
        assert leaves, f"{path.name} is left over"
    elif path.is_dir() and (path / RECORD).exists():
        read(path)
    elif path.is_dir():
        for part in path.iterdir():
            require_whole(part, leaves)
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>"), f"{path.name} is cut"
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".safetensors":
        load_file(path)
    elif path.suffix in (".npz", ".keras"):
        np.load(path)
    else:
        assert path.stat().st_size, f"{path.name} is empty"
