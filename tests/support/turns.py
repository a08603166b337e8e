"""Backends take turns: by default each case runs on one Keras track, and on the others with `-m slow`."""

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

from twotrack.shared.spec.track import TRACKS

BACKENDS = [track for track in TRACKS if track != "torch"]


def in_turn(cases: Iterable[object], every: int = 1) -> list[ParameterSet]:
    """Return pairs of a case and a Keras track, for `parametrize`; of one case in `every`, one pair is not slow."""
    return [
        pytest.param(case, track, marks=() if _is_next(number, every, track) else pytest.mark.slow)
        for number, case in enumerate(cases)
        for track in BACKENDS
    ]


def _is_next(number: int, every: int, track: str) -> bool:
    return number % every == 0 and track == BACKENDS[number // every % len(BACKENDS)]
