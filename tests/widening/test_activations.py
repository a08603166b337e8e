"""In float64 activations are what their formulas say, to the last digits, and so are their derivatives."""

import pytest

from tests.widening import activation_tasks
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

DIGITS = 1e-14


@pytest.mark.parametrize("track", TRACKS)
def test_values_and_derivatives_are_those_of_the_formulas(track: str, workers: WorkerPool) -> None:
    found = workers.call(track, activation_tasks.on_torch if track == "torch" else activation_tasks.on_keras, None)
    assert len(found) == 2 * len(activation_tasks.FORMULAS)
    assert {name: off for name, off in found.items() if off > DIGITS} == {}
