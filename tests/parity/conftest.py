"""Every parity test runs for every architecture of the convolutional chapter, most of them on every track."""

import pytest

from tests.support.cases import CASES, Case
from twotrack.shared.spec.track import TRACKS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=str)
    if "track" in metafunc.fixturenames:
        metafunc.parametrize("track", list(TRACKS))
    if "keras_track" in metafunc.fixturenames:
        metafunc.parametrize("keras_track", [track for track in TRACKS if track != "torch"])


@pytest.fixture
def without_dropout(case: Case) -> Case:
    """The case with nothing random in a training step."""
    return case.but(dropout="0")
