"""A training step takes every gradient before it updates a weight, on every backend, under any loss.

TensorFlow 2.21 does not with its default graph optimizer: about a quarter of the models fail then.
"""

import pytest

from tests.support.workers import Workers

MODELS = 40
"""With a quarter of them wrong, the chance to see none is 1e-5."""


@pytest.mark.parametrize("track", ["keras:tensorflow", "keras:jax", "keras:torch"])
def test_no_gradient_sees_an_updated_weight(track: str, workers: Workers) -> None:
    workers.call(track, "shared.harness.probe:probe", track=track)  # sets the track up
    wrong = workers.call(track, "tests.optimizers.order_tasks:gradients_of_updated_weights", models=MODELS)
    assert wrong == 0
