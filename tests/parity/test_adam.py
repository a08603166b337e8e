"""torch's Adam, aligned, is the Adam of the shared spec."""

from math import sqrt

import numpy as np
import pytest

from tests.support import torch_tasks
from tests.support.tolerances import ADAM_FLOAT64
from tests.support.torch_tasks import Quadratic
from twotrack.shared.workers.pool import WorkerPool

START = [1.0, -2.0, 3e-4, 5.0]
CURVATURE = [1.0, 0.3, 1e-3, 1e-6]  # gradients from far above epsilon down to its size
RATES = [1e-2 * (step + 1) / 20 for step in range(20)]


def adam(beta_1: float, beta_2: float, epsilon: float) -> np.ndarray:
    """Kingma and Ba 2015, with epsilon as in the note before section 2.1: w after every step."""
    w, m, v, path = np.array(START), 0.0, 0.0, []
    for t, rate in enumerate(RATES, start=1):
        gradient = np.array(CURVATURE) * w
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        w = w - rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize(("beta_1", "beta_2", "epsilon"), [(0.9, 0.999, 1e-7), (0.8, 0.95, 1e-3)])
def test_aligned_adam_follows_the_equations_for_20_steps(
    workers: WorkerPool, beta_1: float, beta_2: float, epsilon: float
):
    path = workers.call(
        "torch", torch_tasks.adam_on_quadratic, Quadratic(START, CURVATURE, RATES, beta_1, beta_2, epsilon)
    )

    np.testing.assert_allclose(path, adam(beta_1, beta_2, epsilon), rtol=0, atol=ADAM_FLOAT64)
