"""Slurm: job arrays that submitit writes and submits; squeue says what is left of them.

submitit pickles the call of a job into a file of its own, and a small program of its own on the node reads it. What it
finds there is a plain command, by which a process of ours begins: nothing of ours is pickled, and no result is read.
How a job ended is asked of squeue, for accounting, which submitit asks, is not everywhere.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from twotrack.shared.engines.engine import NODE_COMMAND, Resources
from twotrack.shared.errors import UserError, WorkerDiedError

_PROGRAMS = ("sbatch", "squeue", "scancel", "sinfo", "srun")
_ARRAY = 1000
"""Jobs in an array; Slurm takes 1,001 unless it is told otherwise."""
_ANSWER_SECONDS = 60.0
_PATIENCE = 600.0
"""Seconds for which Slurm may be away while jobs run."""
_RUNNING = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "STAGE_OUT", "SIGNALING")
"""States of jobs that are not over. Those that squeue does not tell of any more are."""


@dataclass(frozen=True)
class SlurmOptions:
    """What is passed through to sbatch."""

    partition: str | None = None
    time: str | None = None
    """As sbatch has it, such as 30 (minutes) or 2:00:00."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Long options of sbatch by name, such as account; true for one that has no value."""


class Slurm:
    """The Slurm whose programs are on PATH."""

    title = "Slurm"
    poll_seconds = 2.0

    def __init__(self, resources: Resources, options: SlurmOptions, command: Sequence[str] = NODE_COMMAND):
        self._resources, self._options, self._command = resources, options, list(command)
        self._jobs: dict[str, Path] = {}
        """Units by the numbers of their jobs."""
        self._names: set[str] = set()
        self._heard = time.monotonic()

    def check(self) -> None:
        """Raise UserError without submitit, Slurm's programs, or an answer of the controller."""
        if find_spec("submitit") is None:
            raise UserError(
                "--engine slurm needs the package submitit, not installed here; "
                "run: pip install -c constraints.txt -e '.[slurm]'"
            )
        for program in _PROGRAMS:
            if not shutil.which(program):
                raise UserError(
                    f"--engine slurm: expected Slurm's program {program} on PATH, found none; run the command on a "
                    "machine from which jobs are submitted."
                )
        self.width()

    def width(self) -> int:
        """Return the CPUs of the partition that are not down, over those of a job."""
        partition = ["--partition", self._options.partition] if self._options.partition else []
        told = _ask("sinfo", "--noheader", "--format=%C", *partition)
        usable = sum(sum(map(_count, line.split("/")[:2])) for line in told.split())
        if usable < self._resources.cpus:
            where = f"the partition '{self._options.partition}'" if self._options.partition else "Slurm"
            raise UserError(
                f"--engine slurm: expected {self._resources.cpus} CPUs for a job, found {usable} in {where}; "
                "sinfo shows what there is."
            )
        return usable // self._resources.cpus

    def submit(self, units: Sequence[Path], submission: str, folder: Path) -> None:
        """Submit arrays of jobs; UserError with what sbatch says if it refuses."""
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError
        from submitit.helpers import CommandFunction

        executor = SlurmExecutor(folder / submission, python=f"{shlex.quote(sys.executable)} -P")
        # None: no limit of five minutes, and no key that this Slurm may not know, which are submitit's own.
        executor.update_parameters(
            job_name=submission,
            time=None,
            wckey=None,
            array_parallelism=_ARRAY,
            signal_delay_s=30,
            additional_parameters=self._parameters(),
        )
        run = CommandFunction(self._command, verbose=False, cwd="/")
        self._names.add(submission)
        for start in range(0, len(units), _ARRAY):
            part = units[start : start + _ARRAY]
            try:
                jobs = executor.map_array(run, list(map(str, part)))
            except (FailedJobError, subprocess.CalledProcessError) as error:
                raise UserError(f"--engine slurm: sbatch refuses the jobs: {_said(error)}.") from error
            self._jobs |= {job.job_id: unit for job, unit in zip(jobs, part, strict=True)}

    def _parameters(self) -> dict[str, object]:
        """Return the options of sbatch. Slurm starts nothing again by itself: tries are counted here."""
        resources, options = self._resources, self._options
        given = {
            "cpus-per-task": resources.cpus,
            "gpus-per-node": resources.gpus or None,
            "mem": f"{-(-resources.memory // 2**20)}M" if resources.memory else None,
            "partition": options.partition,
            "time": options.time,
        }
        others = {name: True if one == "true" else one for name, one in options.others.items()}
        return {"no-requeue": True, **{name: one for name, one in given.items() if one is not None}, **others}

    def ended(self) -> dict[Path, str]:
        """Return the units whose jobs squeue has no more, or as over."""
        if not self._jobs:
            return {}
        try:
            states = self._states()
        except UserError as error:  # Slurm starts again, or is busy
            if time.monotonic() - self._heard > _PATIENCE:
                raise WorkerDiedError(f"Slurm did not answer for {_PATIENCE:g} s: {error}") from error
            return {}
        self._heard = time.monotonic()
        over = [number for number in self._jobs if states.get(number) not in _RUNNING]
        return {self._jobs.pop(number): f"Slurm: {states.get(number, 'gone')}, job {number}" for number in over}

    def _states(self) -> dict[str, str]:
        """Return the states of all jobs that squeue still knows, by their numbers."""
        told = _ask("squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--name={_list(self._names)}")
        return dict(line.split() for line in told.splitlines() if len(line.split()) == 2)

    def cancel(self, submissions: Collection[str], waiting: bool = False) -> None:
        """Cancel by names, which finds what a killed command has submitted too."""
        if submissions:
            for name in sorted(submissions):
                _ask("scancel", f"--name={name}", *(["--state=PENDING"] if waiting else []))


def _list(names: Collection[str]) -> str:
    return ",".join(sorted(names))


def _count(text: str) -> int:
    """Read a number of sinfo, which may stand for thousands."""
    return int(float(text.rstrip("K")) * (1000 if text.endswith("K") else 1))


def _ask(*words: str) -> str:
    """Return what a program of Slurm prints; UserError if it fails or does not answer."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=True,
            timeout=_ANSWER_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise UserError(f"--engine slurm: {words[0]} does not answer: {_said(error)}; see that Slurm runs.") from error
    return done.stdout


def _said(error: BaseException) -> str:
    """Return the last line that a program printed."""
    printed = getattr(error, "stderr", None) or str(error)
    lines = (printed.decode(errors="replace") if isinstance(printed, bytes) else printed).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
