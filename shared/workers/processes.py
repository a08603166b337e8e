"""Worker processes as the parent sees them: started with the right environment, always stopped."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from twotrack.shared.base import atomic
from twotrack.shared.errors import LONGEST, UserError, WorkerDiedError
from twotrack.shared.spec import quiet
from twotrack.shared.spec.replicas import LOGICAL_DEVICES
from twotrack.shared.spec.tested_versions import TESTED, warn_if_untested
from twotrack.shared.spec.track import TRACKS, TrackSpec
from twotrack.shared.workers.channel import WHERE_SIGNAL, Lines, SilenceError, patience
from twotrack.shared.workers.environment import THREADS, available_cores
from twotrack.shared.workers.messages import Answer as Message
from twotrack.shared.workers.messages import Call, Failure, Progress, read_answer, to_line
from twotrack.shared.workers.task import Answer, Request, Task

OnProgress = Callable[[Progress], None]
LOG_LINES = 12
_LOG_END = 2**16
"""Bytes of a log that its last lines are looked for in."""
QUICK_XLA = (
    "--xla_backend_optimization_level=1",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
"""JAX compiles in half the time, to a program that is as fast for the few steps of a verification and as exact."""
_STOP_SECONDS = 2.0
BOUNDS_OF_THREADS = (THREADS, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""What limits the threads of an operation: of torch, and of TensorFlow."""
WAITING = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
"""How threads of OpenMP, which torch computes with, wait for each other: the numbers are the same either way."""
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""For workers that share the cores: one that spins keeps from work those that it waits for."""
SPINNING_SHORTLY = {"GOMP_SPINCOUNT": "5000"}
"""For a worker that has every core: small steps take a seventh less than with threads that sleep.

By itself OpenMP spins 60 times as long; where other work shares the cores, a step then takes ten times as long.
"""


def ignore(progress: Progress) -> None:
    """Listen to a task's progress, and do nothing."""


def worker_environment(
    track: TrackSpec | None,
    device: str,
    threads: int | None,
    quick_to_compile: bool = False,
    replicas: int = 1,
    as_it_is: bool = False,
) -> dict[str, str]:
    """Return the environment in which a track's frameworks must be imported.

    `threads` limits the threads of each operation, for workers that share the machine: two that both
    take every core spend most of their time waiting for each other. `quick_to_compile` is for workers whose programs
    run a few times only; a GPU's programs stay as they are. With `replicas` the processor counts as so many devices to
    JAX and TensorFlow, and threads are shared out. With `as_it_is` threads wait as the framework lets them, for what is
    timed as a learner would run it.
    """
    environment = dict(os.environ)
    environment["PYTHONSAFEPATH"] = "1"  # the current folder is no place to load code from, for a child of ours neither
    # PYTHONPATH is the user's word, but an empty part of it, left by "$PYTHONPATH:/folder", means the current folder.
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, environment["PYTHONPATH"].split(os.pathsep)))
    environment |= quiet.SETTINGS
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # determinism of torch on CUDA
    environment.setdefault("TORCHINDUCTOR_DETERMINISTIC", "1")  # and of what a user's model lets torch compile
    if not as_it_is and not WAITING & environment.keys():
        environment |= SLEEPING if threads else SPINNING_SHORTLY
    if track and track.backend:
        environment["KERAS_BACKEND"] = track.backend
    if replicas > 1:
        threads = max(1, (threads or available_cores()) // replicas)
        environment[LOGICAL_DEVICES] = str(replicas)
        flags = f"{environment.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={replicas}"
        environment["XLA_FLAGS"] = flags.strip()
    if threads:
        environment |= dict.fromkeys(BOUNDS_OF_THREADS, str(threads))
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
        environment["JAX_PLATFORMS"] = "cpu"
    else:
        flags = environment.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    if quick_to_compile and track and track.backend == "jax" and _knows_quick_xla() and not _has_gpu():
        environment["XLA_FLAGS"] = " ".join([*QUICK_XLA, environment.get("XLA_FLAGS", "")]).strip()
    return environment


def in_scratch(environment: dict[str, str], scratch: Path) -> dict[str, str]:
    """Return it so that temporary files go to a folder which is removed: libraries leave some, killed ones all.

    What torch's compiler keeps for the next time stays where it would be.
    """
    kept = Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}"
    return {"TORCHINDUCTOR_CACHE_DIR": str(kept), **environment, "TMPDIR": str(scratch)}


def _knows_quick_xla() -> bool:
    """Tell whether JAX is one that was tested: XLA ends the process on a flag that it does not know."""
    return not TESTED["jax"].problem


def _has_gpu() -> bool:
    """Tell whether this machine has a GPU that JAX could use."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


class Worker:
    """A child process that does tasks in turn; leaving the block stops it, whatever it is doing.

    It keeps the descriptors `inherited` open for as long as it lives.
    """

    def __init__(
        self,
        track: str | None,
        device: str = "auto",
        threads: int | None = None,
        inherited: Sequence[int] = (),
        quick_to_compile: bool = False,
        replicas: int = 1,
        as_it_is: bool = False,
    ):
        spec = TRACKS[track] if track else None
        warn_if_untested(spec.requires if spec else ())
        self._name = track or "helper"
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._phase = "its start"
        self._after = ExitStack()
        scratch = self._after.enter_context(atomic.scratch())
        with ExitStack() as theirs:
            # Descriptors of their own: whatever is printed in a worker, by libraries or a user's module, is no answer.
            calls, answers = os.pipe(), os.pipe()
            for descriptor in (calls[0], answers[1]):
                theirs.callback(os.close, descriptor)
            self._calls = os.fdopen(calls[1], "w", encoding="ascii")
            self._answers = Lines(answers[0])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "twotrack.shared.workers.worker", str(calls[0]), str(answers[1])],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=in_scratch(
                    worker_environment(spec, device, threads, quick_to_compile, replicas, as_it_is), scratch
                ),
                pass_fds=(calls[0], answers[1], *inherited),
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its workers in order
            )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):  # a worker that died cannot take what was still to be sent
            self._calls.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._answers.close()
        self._log.close()
        self._after.close()

    def kill(self) -> None:
        """Stop it now, whatever it is doing; a call that waits for it raises WorkerDiedError."""
        with suppress(ProcessLookupError):  # it has ended, and was waited for
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def call(self, task: Task[Request, Answer], request: Request, on_progress: OnProgress = ignore) -> Answer:
        """Do a task and return its answer.

        Raises UserError if the task did, WorkerDiedError with the last log lines if it failed otherwise.
        """
        call = Call(task.module, task.name, task.request.write(request))
        try:
            self._calls.write(to_line(call))
            self._calls.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        self._phase = task.name
        while (answer := self._next_answer()) is not None:
            if isinstance(answer, Progress):
                self._phase = answer.phase
                on_progress(answer)
            elif isinstance(answer, Failure):
                raise self._error(answer)
            else:
                return task.answer.read(answer.value)
        raise self._died()

    def _next_answer(self) -> Message | None:
        """Wait for a line; None if the worker has ended."""
        try:
            line = self._answers.next(patience())
        except SilenceError as error:
            told = f"{self._name}, at {self._phase!r}: {error}{self._last_log_lines()}{self._where()}"
            self.kill()
            raise WorkerDiedError(told) from error
        try:
            return None if line is None else read_answer(line)
        except ValueError as error:
            self.kill()
            raise WorkerDiedError(
                f"{self._name}: expected an answer of its worker, found {str(line)[:LONGEST]!r}; "
                f"something in it writes to descriptors that are not its own{self._last_log_lines()}"
            ) from error

    def _error(self, failure: Failure) -> Exception:
        if failure.of_user:
            return UserError(failure.message)
        return WorkerDiedError(f"{self._name} failed: {failure.message}{self._last_log_lines()}")

    def _died(self) -> WorkerDiedError:
        with suppress(subprocess.TimeoutExpired):  # of one that has only let go of its pipes
            self._process.wait(_STOP_SECONDS)
        self.kill()
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return WorkerDiedError(f"the worker of {self._name} died ({how}){self._last_log_lines()}")

    def _last_log_lines(self) -> str:
        size = self._log_size()
        lines = self._logged(max(0, size - _LOG_END))[-LOG_LINES:]
        if not lines:
            return "; its log is empty"
        return "; its last log lines:\n" + "\n".join(f"  {line}" for line in lines)

    def _where(self) -> str:
        """Return where in its code the worker is, by what it writes to its log; empty if it writes nothing."""
        before, deadline = self._log_size(), time.monotonic() + _STOP_SECONDS
        os.kill(self._process.pid, WHERE_SIGNAL)
        while not (places := [line for line in self._logged(before) if line.startswith("  File ")]):
            if time.monotonic() > deadline:
                return ""
            time.sleep(0.05)
        return "\nit was here, innermost first:\n" + "\n".join(places[:LOG_LINES])

    def _log_size(self) -> int:
        return os.fstat(self._log.fileno()).st_size

    def _logged(self, start: int) -> list[str]:
        """Return the lines of its log from a byte on. It writes on where the file is at, so that must stay."""
        content = os.pread(self._log.fileno(), self._log_size() - start, start)
        return content.decode(errors="backslashreplace").splitlines()
