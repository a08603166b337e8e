"""The command `twotrack` as a user runs it: the installed script, in a folder of its own, no terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from twotrack.shared.cli import main
from twotrack.shared.workers.pool import WorkerPool

SCRIPT = Path(sys.executable).with_name("twotrack")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error_line(self) -> str:
        """The one error line; fails if there is none or more than one, or a traceback."""
        (line,) = [line for line in self.stderr.splitlines() if line.startswith("error:")]
        assert "Traceback" not in self.stderr
        return line


def twotrack(*arguments: object, folder: Path, check: bool = True, **environment: str) -> Done:
    """Run the command in `folder`; with `check`, require that it succeeds."""
    return run([SCRIPT, *arguments], folder, check, environment)


def in_process(*arguments: object, folder: Path, check: bool = True, workers: WorkerPool | None = None) -> Done:
    """Run the command in this process, for tests to which the process is not the point: a start takes half a second.

    Workers that are lent import less than those that the command would start.
    """
    words = [str(word) for word in arguments]
    out, err, code = StringIO(), StringIO(), 0
    on_sigterm = signal.getsignal(signal.SIGTERM)
    # As if the script had been started: usage lines name the program by these two.
    program = patch.multiple(sys, argv=["twotrack", *words]), patch.object(sys.modules["__main__"], "__package__", None)
    with chdir(folder), redirect_stdout(out), redirect_stderr(err), program[0], program[1]:
        try:
            main(workers)
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)
    assert not check or code == 0, f"{words} failed:\n{err.getvalue()}"
    return Done(code, out.getvalue(), err.getvalue())


def python(code: str, *arguments: object, folder: Path, check: bool = True, **environment: str) -> Done:
    """Run Python code, which finds the arguments in sys.argv[1:]."""
    return run([sys.executable, "-c", code, *arguments], folder, check, environment)


def run(command: list[object], folder: Path, check: bool, environment: Mapping[str, str]) -> Done:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{words} failed:\n{done.stderr}"
    return Done(done.returncode, done.stdout, done.stderr)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition; fail if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


class Running:
    """A command that is still running; leaving the block kills it and its workers if a test has not."""

    def __init__(self, *arguments: object, folder: Path, **environment: str):
        self._log = folder / "stderr.txt"
        # A shell may have told its background jobs to ignore Ctrl-C; a user's terminal has not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with self._log.open("w") as log:
            self.process = psutil.Popen(
                [str(word) for word in (SCRIPT, *arguments)],
                cwd=folder,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.seen: set[psutil.Process] = set()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        for process in [self.process, *self.seen]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    @property
    def stderr(self) -> str:
        return self._log.read_text()

    def worker(self, keras_backend: str | None) -> psutil.Process | None:
        """Return the worker of a Keras backend, or of torch for None, if it runs."""
        for child in self.process.children():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if (
                    "twotrack.shared.workers.worker" in child.cmdline()
                    and child.environ().get("KERAS_BACKEND") == keras_backend
                ):
                    self.seen.add(child)
                    return child
        return None

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition while the command runs."""

        def true_or_over() -> bool:
            assert self.process.poll() is None or condition(), f"ended before {what}:\n{self.stderr}"
            return bool(condition())

        wait_until(true_or_over, what, seconds=120)
