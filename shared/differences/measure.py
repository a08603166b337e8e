"""Worker task: measure the ledger's entries on one track."""

import traceback
from dataclasses import dataclass

from twotrack.shared.ledger.measured import Measured
from twotrack.shared.ledger.registry import Measurement
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


@dataclass(frozen=True)
class Entries:
    """Entries of the ledger, to measure on a track."""

    track: str
    slugs: list[str]


@task
def measure(request: Entries, report: Report) -> dict[str, Measured]:
    """Return every entry's measurement by slug, as plain numbers.

    What the installed framework no longer has is a finding, not a failure of the rest.
    """
    track, slugs = request.track, request.slugs
    report("starting", {})
    measurements = open_track(track, "cpu").measurements()
    measured = {}
    for number, slug in enumerate(slugs, start=1):
        report(f"{number} of {len(slugs)}", {})
        measured[slug] = _measure(measurements[slug]).plain()
    return measured


def _measure(measurement: Measurement) -> Measured:
    try:
        return measurement()
    except Exception as error:  # a version that lacks a name, or does otherwise, fails in its own way: a finding
        traceback.print_exc()
        return Measured(error=f"{type(error).__name__}: {error}")
