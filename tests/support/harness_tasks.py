"""Worker tasks that do what tasks do: answer, report, print, fail, die and hang."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.runs.run_folder import RunWriter
from twotrack.shared.workers.task import Report, Task, task


@dataclass(frozen=True)
class Parcel:
    """Something of every kind that goes over a pipe."""

    text: str
    numbers: list[int | float | None]
    nested: dict[str, bool]
    place: Path
    anything: Any


@task
def echo(parcel: Parcel) -> Parcel:
    return parcel


@task
def count(to: int, report: Report) -> str:
    for number in range(to):
        report("counting", {"number": number})
    return "done"


@task
def chatter(line: str) -> str:
    """Print on every channel that a library might use."""
    print(line)
    os.write(1, b"a C library writes\n")
    subprocess.run(["echo", "a child echoes"], check=True)
    return "done"


@task
def forge(line: str) -> str:
    """Print what looks like an answer, wherever a module of a user's own can, and read what standard input has."""
    print(line, flush=True)
    os.write(1, line.encode())
    return sys.stdin.read()


@task
def scribble(line: str) -> str:
    """Write into every descriptor that is open, as no module of good will does."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > sys.stderr.fileno():
            with suppress(OSError):
                os.write(descriptor, line.encode())
    return "done"


@task
def sleep(seconds: float, report: Report) -> None:
    report("sleeping", {})
    time.sleep(seconds)


@task
def environment(names: list[str]) -> dict[str, str | None]:
    """Return what some variables of the environment are."""
    return {name: os.environ.get(name) for name in names}


@task
def refuse(message: str) -> None:
    raise UserError(message)


@task
def fail(message: str) -> None:
    raise ZeroDivisionError(message)


@task
def fail_as_the_system_does(path: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@task
def answer_wrongly(text: str) -> int:
    return text  # type: ignore[return-value]


@dataclass(frozen=True)
class Death:
    lines: int
    """Of a log."""
    signal: str | None
    """None for exit code 3."""


@task
def die(death: Death) -> None:
    """Log numbered lines, then die."""
    for number in range(death.lines):
        print(f"log line {number}", file=sys.stderr)
    sys.stderr.flush()
    if death.signal:
        os.kill(os.getpid(), signal.Signals[death.signal])
    os._exit(3)


@task
def hang(seconds: float, report: Report) -> None:
    """Ignore every request to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report("hanging", {"pid": os.getpid()})
    time.sleep(seconds)


@task
def write_slowly(folder: Path, report: Report) -> None:
    """Start a run folder and never finish it, in small steps, as training does."""
    with RunWriter(folder):
        report("writing")
        while True:
            time.sleep(0.01)


@task
def write_deaf(folder: Path, report: Report) -> None:
    """Start a run folder in a call that no signal ends, as a library's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    write_slowly(folder, report)


@task
def write_interrupted_twice(folder: Path, report: Report) -> None:
    """Start a run folder, and be interrupted again while it is removed."""
    remove = shutil.rmtree

    def interrupted(*_: object, **__: object) -> None:
        shutil.rmtree = remove
        raise KeyboardInterrupt

    with RunWriter(folder):
        report("writing")
        shutil.rmtree = interrupted
        time.sleep(600)


@task
def process(_: None) -> int:
    """Return the number of the worker's process."""
    return os.getpid()


def plain(text: str) -> str:
    """A function that is no task."""
    return text


UNKNOWN: Task[str, str] = Task(plain)
"""What a worker must not find under the name of the function."""
