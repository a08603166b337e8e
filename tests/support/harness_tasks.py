"""Worker tasks that do what tasks do: answer, report, print, fail, die and hang."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twotrack.shared.errors import UserError
from twotrack.shared.harness.run_folder import RunWriter

Arguments = Mapping[str, Any]
Report = Callable[[str, Mapping[str, object]], None]


def echo(arguments: Arguments, report: Report) -> Arguments:
    return arguments


def count(arguments: Arguments, report: Report) -> str:
    for number in range(arguments["to"]):
        report("counting", {"number": number})
    return "done"


def chatter(arguments: Arguments, report: Report) -> str:
    """Print on every channel that a library might use."""
    print("python prints")
    os.write(1, b"a C library writes\n")
    subprocess.run(["echo", "a child echoes"], check=True)
    return "done"


def environment(arguments: Arguments, report: Report) -> dict[str, str]:
    return dict(os.environ)


def refuse(arguments: Arguments, report: Report) -> None:
    raise UserError("expected this, found that; do so.")


def fail(arguments: Arguments, report: Report) -> None:
    raise ZeroDivisionError("the reason")


def die(arguments: Arguments, report: Report) -> None:
    """Log numbered lines, then die of a signal, or with exit code 3."""
    for number in range(arguments["lines"]):
        print(f"log line {number}", file=sys.stderr)
    sys.stderr.flush()
    if arguments["signal"]:
        os.kill(os.getpid(), signal.Signals[arguments["signal"]])
    os._exit(3)


def hang(arguments: Arguments, report: Report) -> None:
    """Ignore every request to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report("hanging", {"pid": os.getpid()})
    time.sleep(600)


def write_slowly(arguments: Arguments, report: Report) -> None:
    """Start a run folder and never finish it, in small steps, as training does."""
    with RunWriter(Path(arguments["folder"])):
        report("writing", {})
        while True:
            time.sleep(0.01)
