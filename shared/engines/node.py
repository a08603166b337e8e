"""What a node does, python -P -m twotrack.shared.engines.node UNIT: the jobs of a unit, by the code of a local run.

The unit is data, and so is all that it tells. Exit code 3 for one that is not seen: its folder is on another machine's
disk, or it was taken back. One that somebody else is at work on is left alone.
"""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TextIO

from twotrack.shared.engines.telling import AT_WORK, FAILED, REFUSED, SEEN, Teller, Told
from twotrack.shared.errors import UserError
from twotrack.shared.runs.comparison import run_jobs
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.run_folder import remove_partial
from twotrack.shared.runs.units import Unit, UnitFile
from twotrack.shared.workers.environment import NODE
from twotrack.shared.workers.messages import Progress

NOT_SEEN = 3
"""Exit code where the unit's file is not there."""
_PARENT_SECONDS = 1.0


def work(file: UnitFile, node: str) -> int:
    """Do what of the unit is not done, and return the exit code."""
    unit = file.read()
    with file.held() as stream:
        if not unit.jobs:
            _tell(file, SEEN, node=node, locked=stream is None)
        elif stream is not None:
            return _do(file, unit, stream, node)
    return 0


def _do(file: UnitFile, unit: Unit, stream: TextIO, node: str) -> int:
    teller = Teller(file.progress)
    teller.tell(Told("", Progress(AT_WORK, {"node": node})))
    jobs = [job for job in file.jobs() if not job.folder.exists()]
    for job in jobs:  # of an attempt that was killed
        remove_partial(job.folder)
    try:
        unit.software.require_here()
        outcome = run_jobs(jobs, partial(_forward, teller), (stream.fileno(),), threads=unit.threads)
    except UserError as error:
        teller.tell(Told("", Progress(REFUSED, {"message": str(error)})))
        return 2
    for failure in outcome.failures:
        teller.tell(Told("", Progress(FAILED, {"message": failure.message})))
    return 1 if outcome.failures else 0


def _forward(teller: Teller, job: Job, progress: Progress) -> None:
    teller.tell(Told(job.folder.name, progress))


def _tell(file: UnitFile, phase: str, **figures: object) -> None:
    Teller(file.progress).tell(Told("", Progress(phase, figures)))


def _end_with_parent() -> None:
    """End this process when what started it is gone: its scheduler counts the node as free then."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Do the unit that the command line names."""
    for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):  # the last before a time limit of Slurm
        signal.signal(sent, lambda number, _: sys.exit(128 + number))  # leaves every block, so workers are stopped
    _end_with_parent()
    file = UnitFile(Path(sys.argv[1]))
    node = os.environ.setdefault(NODE, os.environ.get("SLURMD_NODENAME") or os.uname().nodename)
    if not file.path.exists():
        print(f"{node} does not see '{file.path}'", file=sys.stderr)
        return NOT_SEEN
    with file.log.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    return work(file, node)


if __name__ == "__main__":
    sys.exit(main())
