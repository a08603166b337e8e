"""A kernel that is not the framework's is judged as a fault, whatever operations of several steps stand beside it."""

import pytest

from tests.precision.tasks import POOR_LAYER_NORM, poor_steps
from tests.support.ladders import SharedLadder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.workers.pool import WorkerPool


@pytest.mark.parametrize("pair", ["OPAQUE_MEAN_16", pytest.param("OPAQUE_MEAN_32", marks=pytest.mark.slow)])
def test_a_mean_of_ones_own_in_half_is_not_excused_by_the_normalisation_behind_it(ladder: SharedLadder, pair: str):
    request = VerifyRequest(name=f"tests.precision.pairs:{pair}", until="parameters", arithmetics=("bfloat16",))

    (result,) = ladder.climb(request, lambda track, phase: None, ["keras:torch"])

    assert not result.passed
    assert "layer 'norm' is off by" in result.rungs[-1].detail


def test_an_operation_is_poor_where_its_own_outcome_is(workers: WorkerPool):
    assert workers.call("torch", poor_steps, 4096) == [POOR_LAYER_NORM]
    assert workers.call("torch", poor_steps, 1) == []
