"""On JAX a short loop over time is done step by step where nothing is compiled, and gives the same."""

import numpy as np
import pytest

from tests.sequences import loop_tasks
from twotrack.shared.workers.pool import WorkerPool


@pytest.mark.parametrize(("steps", "bodies"), [(5, 5), (60, 1)])
def test_a_short_loop_is_not_compiled_and_gives_the_same(steps: int, bodies: int, workers: WorkerPool) -> None:
    found = workers.call("keras:jax", loop_tasks.loop, steps)

    assert found.bodies == bodies
    np.testing.assert_allclose(found.stepwise, found.compiled, rtol=1e-5, atol=1e-6)
