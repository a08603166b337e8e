"""The whole ledger, measured once on the session's workers."""

import pytest

from twotrack.shared.differences.measuring import MeasuredEntry, measure
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

KERAS = tuple(track for track in TRACKS if track != "torch")


@pytest.fixture(scope="session")
def outcomes(workers: WorkerPool) -> dict[str, MeasuredEntry]:
    """Every entry by slug; one call per worker."""
    return {measured.entry.slug: measured for measured in measure(dict.fromkeys(LEDGER, ()), KERAS, workers)}
