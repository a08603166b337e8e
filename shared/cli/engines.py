"""Options that say on which machines runs are done, and what is shown while nodes are at work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

import typer

from twotrack.shared.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from twotrack.shared.engines.engine import Engine
    from twotrack.shared.engines.launching import Launcher, OnStandings
    from twotrack.shared.engines.standing import Standing

_RETRIES = 2
_SHOWN = 30
"""Rows of the table that a terminal has room for."""
_SLURM = ("partition", "time", "sbatch")
_NODES = ("gpus", "memory", "seeds_per_job", "retries")


@dataclass(frozen=True)
class EngineOptions:
    """Where runs are done."""

    engine: Annotated[
        str, typer.Option(help="Where runs are done: local (here), slurm (job arrays) or ray (tasks).")
    ] = "local"
    cpus: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="CPUs of a job, and threads of an operation [default: local all cores, slurm and ray 1].",
        ),
    ] = None
    gpus: Annotated[int | None, typer.Option(metavar="N", help="GPUs of a job, with slurm and ray.")] = None
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory of a job, such as 4G, with slurm and ray.")
    ] = None
    seeds_per_job: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Seeds of a job [default: so many that all nodes have work], with slurm and ray."
        ),
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=f"Times that a job which failed is tried again, with slurm and ray [default: {_RETRIES}]."
        ),
    ] = None
    partition: Annotated[str | None, typer.Option(help="Partition of Slurm.")] = None
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time limit of a job of Slurm, such as 30 (minutes) or 2:00:00.")
    ] = None
    sbatch: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A further option of sbatch, such as account=abc; may be repeated."),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Cluster of Ray, or auto for the one that runs here [default: one that is started for the command].",
        ),
    ] = None

    def require_none_of(self, names: Sequence[str], engines: str) -> None:
        """Raise UserError if an option was given that another engine has."""
        for name in names:
            if getattr(self, name) is not None:
                raise UserError(
                    f"--{name.replace('_', '-')} is of --engine {engines}; leave it out, or name that engine."
                )


def launcher(given: EngineOptions) -> "Launcher":
    """Return who does the runs, after a look that it can; UserError if not."""
    from twotrack.shared.engines.launching import Here, OnNodes

    for name in (one.name for one in fields(given)):
        least = 0 if name in ("gpus", "retries") else 1
        if isinstance(number := getattr(given, name), int) and number < least:
            raise UserError(f"--{name.replace('_', '-')}: expected {least} or more, found {number}.")
    if given.engine == "local":
        given.require_none_of([*_NODES, *_SLURM, "address"], "slurm or ray")
        return Here(given.cpus)
    from twotrack.shared.cli.console import stderr

    nodes = OnNodes(
        _engine(given),
        given.cpus or 1,
        _RETRIES if given.retries is None else given.retries,
        given.seeds_per_job,
        units_table,
        lambda message: stderr.print(message, markup=False),
    )
    nodes.check()
    return nodes


def _engine(given: EngineOptions) -> "Engine":
    from twotrack.shared.cli.options import key_values
    from twotrack.shared.engines.engine import Resources, memory_bytes
    from twotrack.shared.engines.ray_cluster import LOCAL, Ray
    from twotrack.shared.engines.slurm import Slurm, SlurmOptions

    resources = Resources(given.cpus or 1, given.gpus or 0, memory_bytes(given.memory) if given.memory else None)
    if given.engine == "slurm":
        given.require_none_of(["address"], "ray")
        others = key_values("--sbatch", given.sbatch, "account=abc")
        return Slurm(resources, SlurmOptions(given.partition, given.time, others))
    if given.engine == "ray":
        given.require_none_of(_SLURM, "slurm")
        return Ray(resources, given.address or LOCAL)
    raise UserError(f"--engine: expected local, slurm or ray, found '{given.engine}'.")


@contextmanager
def units_table() -> Iterator["OnStandings"]:
    """Yield what shows on stderr how units stand: a table on a terminal, a line for each change elsewhere."""
    from twotrack.shared.cli.console import stderr

    if not stderr.is_terminal:
        yield _changes(lambda line: stderr.print(line, markup=False))
        return
    from rich.live import Live

    with Live(console=stderr, refresh_per_second=2) as live:
        yield lambda standings: live.update(_table(standings))


def _changes(write: Callable[[str], None]) -> "OnStandings":
    """Return a listener that writes a line for each unit that stands otherwise than before."""
    seen: dict[int, str] = {}

    def show(standings: "Sequence[Standing]") -> None:
        for number, one in enumerate(standings):
            line = f"{one.title}: {one.state}{_on(one)}{_try(one)}"
            if seen.get(number) != line:
                write(line)
                seen[number] = line

    return show


def _on(one: "Standing") -> str:
    return f" on {one.node}" if one.node else ""


def _try(one: "Standing") -> str:
    return f", try {one.tries}" if one.tries > 1 else ""


def _table(standings: "Sequence[Standing]") -> "Table":
    """Return the table of those that are not over, and how many of all are; of all if there is room for them."""
    from collections import Counter

    from rich.table import Table

    counts = Counter(str(one.state) for one in standings)
    title = ", ".join(f"{count} {state}" for state, count in counts.items())
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("job", "state", "node", "try", "runs", ""):
        table.add_column(column, overflow="fold")
    shown = sorted(standings, key=lambda one: not one.node or not one.is_open) if len(standings) > _SHOWN else standings
    for one in shown[:_SHOWN]:
        runs = f"{len(one.done)} of {len(one.jobs)}"
        table.add_row(one.title, str(one.state), one.node, str(one.tries), runs, one.latest if one.is_open else "")
    return table
