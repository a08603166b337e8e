"""Worker task behind `twotrack doctor`: does a track's framework really import, and what does it see?"""

import time
from dataclasses import dataclass

from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Probed:
    """A track that is usable."""

    device: str
    """cpu or cuda."""
    seconds: float
    """That its framework took to import."""


@task
def probe(track: str) -> Probed:
    """Import and set up a track."""
    start = time.perf_counter()
    opened = open_track(track, "auto")
    return Probed(opened.device, time.perf_counter() - start)
