"""The real server as a child process: started, waited for until it answers, always stopped."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.export.serving.client import connect
from twotrack.shared.export.serving.connection import NotFoundError
from twotrack.shared.export.serving.launch import Launch, Ports, find_launch
from twotrack.shared.export.serving.repository import Repository

OnStep = Callable[[str], None]
LOG_LINES = 12
_POLL_SECONDS, _ANSWER_SECONDS, _STOP_SECONDS = 0.1, 2.0, 10.0
_HOST = "localhost"


class Server:
    """A running server."""

    def __init__(self, launch: Launch, ports: Ports, log: Path):
        self.ports, self._launch, self._log = ports, launch, log
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this program alone, which then stops the server
            )

    @property
    def rest(self) -> str:
        """HOST:PORT for REST."""
        return f"{_HOST}:{self.ports.rest}"

    @property
    def grpc(self) -> str:
        """HOST:PORT for gRPC."""
        return f"{_HOST}:{self.ports.grpc}"

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def wait_until_available(self, models: list[str], seconds: float, on_step: OnStep) -> None:
        """Return when every model has a version that answers; WorkerDiedError if the server ends or takes too long."""
        deadline = time.monotonic() + seconds
        waiting = list(models)
        while waiting:
            self._require_running("before its models were loaded")
            if time.monotonic() > deadline:
                raise WorkerDiedError(
                    f"{self._launch.name} did not load {waiting[0]} within {seconds:g} s; "
                    f"give it more time with --timeout.{self._last_log_lines()}"
                )
            state = self._state(waiting[0])
            if state == "AVAILABLE":
                del waiting[0]
                continue
            on_step(f"loading {waiting[0]} ({len(models) - len(waiting)} of {len(models)} loaded): {state}")
            time.sleep(_POLL_SECONDS)

    def wait(self) -> None:
        """Wait until the server ends, which it does not by itself: WorkerDiedError."""
        self._process.wait()
        self._require_running("by itself")

    def stop(self) -> None:
        """Stop it and everything that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self._launch.clean_up()

    def _state(self, model: str) -> str:
        try:
            with connect("rest", self.rest, _ANSWER_SECONDS) as server:
                versions = server.versions(model)
        except (NotFoundError, UserError):
            return "no answer yet"
        states = [version.state for version in versions]
        return "AVAILABLE" if "AVAILABLE" in states else ", ".join(map(str, versions)) or "no version yet"

    def _require_running(self, when: str) -> None:
        code = self._process.poll()
        if code is not None:
            raise WorkerDiedError(f"{self._launch.name} ended {when} (exit code {code}){self._last_log_lines()}")

    def _last_log_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "; its last log lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else "; its log is empty"


@contextmanager
def serving(repository: Repository, ports: Ports, image: str, timeout: float, on_step: OnStep) -> Iterator[Server]:
    """Yield the server when every model answers; leaving the block stops it, whatever it is doing.

    Raises UserError if no server can be started here, WorkerDiedError if it fails.
    """
    _require_free(ports)
    with tempfile.TemporaryDirectory(prefix="twotrack-serving-") as work:
        launch = find_launch(repository, ports, image, Path(work), on_step)
        on_step(f"starting {launch.name}")
        server = Server(launch, ports, Path(work) / "log.txt")
        try:
            server.wait_until_available(list(repository.models), timeout, on_step)
            yield server
        finally:
            server.stop()


def _require_free(ports: Ports) -> None:
    """Refuse a port that somebody listens on: their answers would pass for the server's."""
    if ports.grpc == ports.rest:
        raise UserError(f"--port and --rest-port: expected two ports, found {ports.grpc} twice.")
    for option, port in (("--port", ports.grpc), ("--rest-port", ports.rest)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise UserError(
                    f"{option} {port}: expected a free port ({reason.lower()}); name another one."
                ) from error
