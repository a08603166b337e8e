"""Every command, in a folder full of files that no command may run, watched for connections that it may not open.

The files have the names of all modules that can be imported here, and of those that Python looks for by itself. Each
writes down that it ran.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import typer.main

from tests.reliability.kills import PATIENCE, environment, stage_copy, train
from tests.reliability.tally import Tally
from tests.reliability.victims import SMALL, prepare
from tests.support.command_line import SCRIPT
from twotrack.shared.cli import app

TO_A_NETWORK = re.compile(r"connect\(\d+[^,]*, \{sa_family=AF_INET6?|sendto\(.*sa_family=AF_INET6?|sendmmsg\(")
BY_ITSELF = (
    "sitecustomize",
    "usercustomize",
    "conftest",
    "readline",
    "shared",
    "tests",
    "setup",
    "apex",
    "cupy",
    "later",
)
"""Names that Python, or a library, looks for though nothing of the kind is installed."""
TRAP = "with open({ran!r}, 'a') as file:\n    file.write({name!r} + '\\n')\nraise RuntimeError('a trap was run')\n"
NEVER = ("pair",)
"""Names that the commands below are told to import."""


@dataclass(frozen=True)
class Told:
    """A command line, and how it ends."""

    words: tuple[str, ...]
    code: int = 0
    connects: bool = False
    """As asked for."""


TWO = ("--tracks", "torch,keras:torch")
COMMANDS: dict[str, tuple[Told, ...]] = {
    "list": (Told(("list",)),),
    "doctor": (Told(("doctor",)),),
    "data": (Told(("data", "telco")), Told(("data", "shop", "--images", "photos"))),
    "run": (Told(("run", "churn_mlp", "--track", "torch,keras:tensorflow,keras:jax,keras:torch", *SMALL)),),
    "compare": (Told(("compare", "neuron", *TWO, *SMALL)),),
    "verify": (Told(("verify", "pair:PAIR", "--tracks", "keras:torch", "--until", "gradients", "--report", "v.html")),),
    "record": (Told(("record", "pair:PAIR", "--out", "new")), Told(("record", "--standalone", "recorder.py.txt"))),
    "logs": (Told(("logs", "a.csv", "b.csv", "--report", "l.html")),),
    "match": (Told(("match", "pair:PAIR", "--no-write")),),
    "atlas": (Told(("atlas", "efficientnet_b0", "--until", "parameters")),),
    "differences": (Told(("differences", "neuron", *TWO)),),
    "ablate": (Told(("ablate", "neuron", "--tracks", "torch", "--seeds", "1", *SMALL)),),
    "sweep": (Told(("sweep", "--chapters", "neuron", "--tracks", "torch", *SMALL)),),
    "benchmark": (Told(("benchmark", "neuron", "--tracks", "torch", "--rounds", "1", "--steps", "2")),),
    "experiment": (Told(("experiment", "neuron", "--tracks", "torch")),),
    "exercise": (Told(("exercise", "churn_rnn", "2", "--check", "4545")),),
    "convert": (Told(("convert", "run", "--chapter", "churn_mlp", "--to", "keras", "--out", "new.weights.h5")),),
    "new-tests": (Told(("new-tests", "port", "--name", "port")),),
    "predict": (Told(("predict", "run", "--test")),),
    "export": tuple(
        Told(("export", "run", "--format", form, "--out", f"new{ending}"))
        for form, ending in (("onnx", ".onnx"), ("litert", ".tflite"), ("tf-serving", "_served"), ("keras", ".keras"))
    ),
    "check-export": (Told(("check-export", "photos"), code=2),),
    "formats": (Told(("formats", "neuron")),),
    "latency": (Told(("latency", "run")),),
    "runs": (Told(("runs", ".")),),
    "report": (Told(("report", "run")),),
    "request": (Told(("request", "127.0.0.1:1", "digits", "photos/bag/0.png"), code=2, connects=True),),
    "serve": (Told(("serve", "photos"), code=2),),
}
"""By the name of the command: all that there are."""
LIGHT = ("list", "logs", "request")
"""Some that start no worker."""


def names() -> list[str]:
    """Return the commands that the command line has."""
    return list(typer.main.get_command(app).commands)


def watch(tally: Tally, chosen: Sequence[str], work: Path, is_trained: bool = True) -> None:
    """Run the chosen commands; count whether a trap ran, and whether a connection was opened."""
    stage = staged(work, is_trained)
    for name in chosen:
        for number, told in enumerate(COMMANDS[name]):
            place = stage_copy(stage, work / f"{name}-{number}")
            _count(tally, told, place, work / f"{name}-{number}.ran")
            shutil.rmtree(place)


def staged(work: Path, is_trained: bool = True) -> Path:
    """Write what the commands are given into a new folder; return that."""
    stage = work / "command-stage"
    stage.mkdir()
    prepare(stage)
    for name in ("a", "b"):
        (stage / f"{name}.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    if is_trained:
        train(stage)
    return stage


def add_traps(folder: Path, ran: Path) -> None:
    """Write the files."""
    for name in {*sys.stdlib_module_names, *packages_distributions(), *BY_ITSELF} - {*NEVER}:
        if name.isidentifier() and not (folder / f"{name}.py").exists():
            (folder / f"{name}.py").write_text(TRAP.format(ran=str(ran), name=name))
    (folder / "trap.pth").write_text(f"import os; open({str(ran)!r}, 'a').write('trap.pth')\n")


def _count(tally: Tally, told: Told, place: Path, ran: Path) -> None:
    add_traps(place, ran)
    log = ran.with_suffix(".strace")
    watch = ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmmsg", "-o", str(log)]
    watched = watch if shutil.which("strace") else []
    without_path = {name: value for name, value in environment(place).items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*watched, SCRIPT, *told.words], cwd=place, env=without_path, capture_output=True, text=True, check=False,
        timeout=3 * PATIENCE,
    )  # fmt: skip
    line = " ".join(told.words)
    ended = "" if done.returncode == told.code else f"{line}: ended with {done.returncode}: {done.stderr[-300:]}"
    trapped = f"{line}: ran {ran.read_text().split()}" if ran.exists() else ""
    tally.count("commands among traps", ended or trapped or "right")
    if watched:
        seen = [one for one in log.read_text(errors="replace").splitlines() if TO_A_NETWORK.search(one)]
        tally.count("commands without a network", f"{line}: {seen[0]}" if seen and not told.connects else "right")
