"""What an engine is: something that runs commands on the nodes of a cluster, and schedules them itself."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twotrack.shared.errors import UserError

NODE_COMMAND = (sys.executable, "-P", "-m", "twotrack.shared.engines.node")
"""What a node runs with a unit's file behind it; nothing is imported from its current folder."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Resources:
    """What a job takes of a node."""

    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    """Bytes; None for what the engine gives."""


class Engine(Protocol):
    """Slurm or Ray. It knows units by the paths of their files."""

    title: str
    poll_seconds: float
    """Between two looks at what has ended."""

    def check(self) -> None:
        """Raise UserError unless the cluster answers; nothing is submitted."""

    def width(self) -> int:
        """Return how many jobs can run side by side; UserError if none can."""

    def submit(self, units: Sequence[Path], submission: str, folder: Path) -> None:
        """Submit a job for each unit, under one name. The engine's own files go to `folder`."""

    def ended(self) -> Mapping[Path, str]:
        """Return the units whose jobs have ended since the last call, and what the engine says of how."""

    def cancel(self, submissions: Collection[str], waiting: bool = False) -> None:
        """Cancel all jobs of these names, or only those that wait; it may take a moment until they are gone."""


def memory_bytes(text: str) -> int:
    """Read a size such as 4G or 500M; UserError for anything else."""
    if not (found := re.fullmatch(r"(\d+)([KMGT])B?", text.upper())) or not int(found[1]):
        raise UserError(f"--memory: expected a size such as 500M or 4G, found '{text}'.")
    return int(found[1]) * _UNITS[found[2]]
