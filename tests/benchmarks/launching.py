"""What it costs the coordinator to have jobs done by Slurm or Ray, and how busy it keeps their nodes.

python -m tests.benchmarks.launching --engine ray --jobs 1000 plans, submits and collects stub jobs, which do nothing,
and prints the CPU time of the coordinator and of Slurm's programs that it calls, per job, and its memory.
--workers 1,2 --jobs 8 --train lets the jobs be runs of the chapter neuron, on one worker and on two, and prints the
efficiency: the seconds on the first number of workers times that number, over those of the others times theirs.
--workers 64 --jobs 128 --seconds 60 lets stub jobs sleep, and prints the seconds slept over workers times seconds.
Slurm and Ray are started here, as two nodes that share the workers: CPUs that they only count.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.support.ray_cluster import RayCluster
from tests.support.slurm import Slurm as SlurmCluster
from twotrack.shared.engines.engine import NODE_COMMAND, Engine, Resources
from twotrack.shared.engines.launching import OnNodes
from twotrack.shared.engines.ray_cluster import Ray
from twotrack.shared.engines.slurm import Slurm, SlurmOptions
from twotrack.shared.engines.standing import Standing
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name, say_nothing
from twotrack.shared.runs.plans import begin
from twotrack.shared.workers.environment import resident_bytes

STUB = Path(__file__).with_name("stub_node.sh")


@dataclass(frozen=True)
class Measured:
    """One run of all jobs."""

    done: int
    failed: int
    seconds: float
    cpu_seconds: float
    """Of this process, and of those that it started and waited for."""
    memory: dict[int, int]
    """Bytes of this process when so many tenths of the jobs were done."""


@contextmanager
def cluster(name: str, folder: Path, workers: int, command: Sequence[str]) -> Iterator[Engine]:
    """Yield an engine on a cluster of two nodes that share the workers, or of one node with one."""
    nodes, cpus = (2, workers // 2) if workers > 1 else (1, 1)
    if name == "slurm":
        with SlurmCluster(folder, nodes, cpus) as slurm, patch.dict(os.environ, slurm.environment):
            yield Slurm(Resources(), SlurmOptions(), command)
    else:
        with RayCluster(nodes, cpus) as ray:
            yield Ray(Resources(), ray.address, command)


def measure(engine: Engine, folder: Path, jobs: int) -> Measured:
    """Plan so many jobs of one seed each, let them be done, and collect them."""
    sizes: dict[int, int] = {}

    def see(standings: Sequence[Standing]) -> None:
        sizes[10 * sum(not one.is_open for one in standings) // len(standings)] = resident_bytes()

    engine.check()
    start, cpu = time.monotonic(), cpu_seconds()
    request = TrainingRequest("neuron", ("torch",), tuple(range(jobs)), device="cpu")
    nodes = OnNodes(engine, 1, 0, 1, lambda: nullcontext(see), print)
    planned = plan(request, lambda track, seed: folder / run_name(track, seed))
    with begin(planned, request) as todo:
        outcome = nodes.run(todo, say_nothing)
    return Measured(
        len(outcome.folders),
        len(outcome.failures),
        time.monotonic() - start,
        cpu_seconds() - cpu,
        sizes,
    )


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def row(given: argparse.Namespace, workers: int) -> Measured:
    """Do the jobs on so many workers, and print what that took."""
    command = list(NODE_COMMAND) if given.train else [str(STUB), str(given.seconds)]
    with tempfile.TemporaryDirectory() as name:
        folder, daemons = Path(name) / "comparison", Path(name) / "daemons"
        folder.mkdir()
        daemons.mkdir()
        with cluster(given.engine, daemons, workers, command) as engine:
            measured = measure(engine, folder, given.jobs)
    sizes = ", ".join(f"{size / 1e6:.0f}" for size in measured.memory.values())
    print(
        f"{given.engine}, {workers} workers: {measured.done} of {given.jobs} jobs done, {measured.failed} failed, "
        f"{measured.seconds:.0f} s; coordinator {1000 * measured.cpu_seconds / given.jobs:.1f} ms of CPU per job, "
        f"memory {sizes} MB as tenths of the jobs were done"
    )
    return measured


def main() -> None:
    """Print a line for each number of workers, and the efficiency."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("slurm", "ray"), required=True)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", default="2", help="numbers, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.0, help="that a stub job sleeps")
    parser.add_argument("--train", action="store_true", help="jobs are runs, not stubs")
    given = parser.parse_args()
    spent = {workers: workers * row(given, workers).seconds for workers in map(int, given.workers.split(","))}
    useful = given.jobs * given.seconds or next(iter(spent.values()))
    if given.seconds or given.train:
        for workers, seconds in spent.items():
            print(f"{workers} workers: efficiency {useful / seconds:.2f}")


if __name__ == "__main__":
    main()
