"""Ray: a task for each unit, which starts the same process on a node as every other engine does.

The task is handed to Ray as a function that stands by itself, so that a node imports nothing of ours to run it; what it
is given and what it returns are texts and numbers.
"""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.engines.engine import NODE_COMMAND, Resources
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.workers.environment import NODE

if TYPE_CHECKING:
    from ray import ObjectRef

LOCAL = "local"
"""The address of a cluster that is started on this machine, and ends with the command."""
AUTO = "auto"
"""The address of the cluster that runs on this machine."""
_SENT = ("CUBLAS_", "JAX_", "KERAS_", "MKL_", "OMP_", "PYTHONPATH", "TF_", "TORCH", "TWOTRACK_", "XDG_", "XLA_")
"""What the names of variables begin with that a node gets from here, as by them numbers may differ: a node of Ray has
the environment in which it was started."""
_ANSWER_SECONDS = 30.0
_STATUS = (sys.executable, "-P", "-m", "ray.scripts.scripts", "status", "--address")
"""The command `ray status` of this environment, to be followed by an address."""


class Ray:
    """The cluster at an address, or one that is started here."""

    title = "Ray"
    poll_seconds = 0.5

    def __init__(self, resources: Resources, address: str = LOCAL, command: Sequence[str] = NODE_COMMAND):
        self._resources, self._address, self._command = resources, address, list(command)
        self._tasks: dict[ObjectRef[Any], Path] = {}
        self._submissions: set[str] = set()

    def check(self) -> None:
        """Connect; UserError without Ray, or if the address does not answer."""
        if find_spec("ray") is None:
            raise UserError(
                "--engine ray needs the package ray, not installed here; "
                "run: pip install -c constraints.txt -e '.[ray]'"
            )
        if self._address not in (LOCAL, AUTO):
            _require_answer(self._address)
        self._connect()
        self.width()

    def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send what it runs on to its makers
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        if ray.is_initialized():
            return
        dashboard = False if self._address == LOCAL else None
        try:
            with chdir("/"):  # tasks would import from the current folder
                ray.init(
                    address=self._address, include_dashboard=dashboard, log_to_driver=False, logging_level=logging.ERROR
                )
        except Exception as error:  # of many kinds
            raise _unanswered(self._address, one_line(error)) from error

    def width(self) -> int:
        """Return how many jobs the nodes' CPUs, GPUs and memory have room for."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        wanted = {"CPU": self._resources.cpus, "GPU": self._resources.gpus, "memory": self._resources.memory or 0}
        room = sum(min(int(node.get(name, 0) // one) for name, one in wanted.items() if one) for node in nodes)
        if not room:
            told = ", ".join(f"{one:g} {name}" for name, one in wanted.items() if one)
            raise UserError(
                f"--engine ray: expected a node with {told} for a job, found none; 'ray status' shows them."
            )
        return room

    def submit(self, units: Sequence[Path], submission: str, folder: Path) -> None:
        """Submit a task for each unit. Ray starts none again by itself: tries are counted here."""
        import ray

        resources = self._resources
        options: dict[str, Any] = {"num_cpus": resources.cpus, "num_gpus": resources.gpus, "max_retries": 0}
        if resources.memory:
            options["memory"] = resources.memory
        task = ray.remote(**options)(_task())
        settings = {name: value for name, value in os.environ.items() if name.startswith(_SENT)}
        settings.pop("OMP_NUM_THREADS", None)
        self._submissions.add(submission)
        for unit in units:
            self._tasks[task.remote([*self._command, str(unit)], settings, NODE)] = unit

    def ended(self) -> dict[Path, str]:
        """Return the units whose tasks have ended."""
        import ray

        if not self._tasks:
            return {}
        over, _ = ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0, fetch_local=False)
        return {self._tasks.pop(one): _how(one) for one in over}

    def cancel(self, submissions: Collection[str], waiting: bool = False) -> None:
        """Cancel the tasks; those of a command that is gone went with it."""
        import ray

        if self._submissions & set(submissions) and not waiting:
            for one in self._tasks:
                ray.cancel(one)


def _task() -> Callable[[list[str], dict[str, str], str], tuple[int, str]]:
    """Return what a node does: it runs a command to its end, and ends it if it is cancelled."""

    def run(command: list[str], settings: dict[str, str], node: str) -> tuple[int, str]:
        import os
        import subprocess
        import tempfile

        import ray

        name = f"{os.uname().nodename}/{ray.get_runtime_context().get_node_id()[:6]}"
        with tempfile.TemporaryFile("w+") as printed:
            process = subprocess.Popen(
                command, env={**os.environ, **settings, node: name}, cwd="/", stdin=subprocess.DEVNULL, stderr=printed
            )
            try:
                while process.poll() is None:  # awake now and then, to hear that it is cancelled
                    try:
                        process.wait(0.2)
                    except subprocess.TimeoutExpired:
                        continue
            finally:
                process.terminate()
                process.wait()
            printed.seek(0)
            return process.returncode, printed.read()[-500:].strip()

    return run


def _how(task: "ObjectRef[Any]") -> str:
    """Return how a task has ended."""
    import ray

    try:
        code, printed = ray.get(task)
    except ray.exceptions.RayError as error:
        return f"Ray: {one_line(error)}"
    return f"Ray: exit code {code}{': ' if printed else ''}{printed}"


def _require_answer(address: str) -> None:
    """Raise UserError unless a cluster of Ray answers there; Ray itself would ask for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "//" in address:
        raise UserError(f"--address: expected HOST:PORT or auto, found '{address}'.")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unanswered(address, str(error)) from error
    try:
        subprocess.run(
            [*_STATUS, address], capture_output=True, text=True, check=True, timeout=_ANSWER_SECONDS, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise _unanswered(address, f"what listens there says nothing to Ray in {_ANSWER_SECONDS:g} s") from error
    except subprocess.CalledProcessError as error:
        raise _refused(address, error.stderr) from error


def _refused(address: str, said: str) -> UserError:
    """Return why Ray's own question was not answered, whose last line is the reason."""
    if "AuthenticationError" in said:
        return UserError(
            f"--address {address}: the cluster asks for Ray's token; set RAY_AUTH_MODE=token, with the token of its "
            "head in ~/.ray/auth_token or RAY_AUTH_TOKEN."
        )
    return _unanswered(address, (said.strip().splitlines() or ["no reason was given"])[-1])


def _unanswered(address: str, why: str) -> UserError:
    return UserError(
        f"--address {address}: expected a cluster of Ray, found that it does not answer: {why.rstrip('.')}; "
        "'ray status' on its head shows whether it runs."
    )
