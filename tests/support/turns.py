"""Backends take turns: by default each case runs on one Keras track, and on the others with `-m slow`."""

from collections.abc import Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet

from twotrack.shared.spec.track import TRACKS

BACKENDS = [track for track in TRACKS if track != "torch"]
QUICKEST = "keras:torch"
"""It compiles nothing. TensorFlow takes about three times as long for a climb, JAX four times."""
MOSTLY_QUICKEST = [track for other in BACKENDS if other != QUICKEST for track in (*(QUICKEST,) * 5, other)]
"""For long lists of cases about what has one code on all backends."""


def in_turn(cases: Iterable[object], every: int = 1, order: Sequence[str] = BACKENDS) -> list[ParameterSet]:
    """Return pairs of a case and a Keras track, for `parametrize`; of one case in `every`, one pair is not slow.

    That is on the next track of `order`.
    """
    return [
        pytest.param(case, track, marks=() if _is_next(number, every, track, order) else pytest.mark.slow)
        for number, case in enumerate(cases)
        for track in BACKENDS
    ]


def _is_next(number: int, every: int, track: str, order: Sequence[str]) -> bool:
    return number % every == 0 and track == order[number // every % len(order)]


def quickest_alone() -> list[ParameterSet]:
    """Return every Keras track, for `parametrize`; all but the quickest are slow."""
    return [pytest.param(track, marks=() if track == QUICKEST else pytest.mark.slow) for track in BACKENDS]
