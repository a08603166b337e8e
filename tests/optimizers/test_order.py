"""A training step takes every gradient before it updates a weight, on every backend, under any loss.

TensorFlow 2.21 does not with its default graph optimizer: about a quarter of the models fail then.
"""

import pytest

from tests.optimizers.order_tasks import gradients_of_updated_weights
from twotrack.shared.workers.doctor import probe
from twotrack.shared.workers.pool import WorkerPool

MODELS = {"keras:tensorflow": 24, "keras:jax": 10, "keras:torch": 10}
"""With a quarter of them wrong, the chance to see none of 24 is 0.1 %. The others have no such optimizer."""


@pytest.mark.parametrize("track", MODELS)
def test_no_gradient_sees_an_updated_weight(track: str, workers: WorkerPool) -> None:
    workers.call(track, probe, track)  # sets the track up
    wrong = workers.call(track, gradients_of_updated_weights, MODELS[track])
    assert wrong == 0
