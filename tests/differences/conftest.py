"""The whole ledger, measured once on the session's workers."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.workers import Workers
from twotrack.shared.differences.ledger import LEDGER
from twotrack.shared.harness.differences import Call, MeasuredEntry, measure
from twotrack.shared.track import TRACKS

KERAS = tuple(track for track in TRACKS if track != "torch")


@pytest.fixture(scope="session")
def call(workers: Workers) -> Call:
    def ask(track: str, task: str, arguments: Mapping[str, Any]) -> Any:
        return workers.call(track, task, **arguments)

    return ask


@pytest.fixture(scope="session")
def outcomes(call: Call) -> dict[str, MeasuredEntry]:
    """Every entry by slug; one call per worker."""
    return {measured.entry.slug: measured for measured in measure(dict.fromkeys(LEDGER, ()), KERAS, call)}
