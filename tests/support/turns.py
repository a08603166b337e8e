"""Backends take turns: by default each case runs on one Keras track, and on the others with `-m slow`."""

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

from twotrack.shared.spec.track import TRACKS

BACKENDS = [track for track in TRACKS if track != "torch"]


def in_turn(cases: Iterable[object]) -> list[ParameterSet]:
    """Return pairs of a case and a Keras track, for `parametrize`; of each case one pair is not slow."""
    return [
        pytest.param(case, track, marks=() if track == BACKENDS[number % len(BACKENDS)] else pytest.mark.slow)
        for number, case in enumerate(cases)
        for track in BACKENDS
    ]
