"""A warm-up leaves no trace, and a seed fixes dropout: both bit for bit."""

import numpy as np

from tests.support.cases import Case
from tests.support.models import Models

RATES, BATCH_SIZE = (1e-3,) * 3, 4


def test_training_after_a_warm_up_is_training_without_one(models: Models, track: str, case: Case):
    """Weights, moving statistics, Adam's moments and step, dropout's random state: all put back."""
    cold, warm = (models.train(track, case, RATES, BATCH_SIZE, warm_up=warm_up) for warm_up in (False, True))

    assert warm.losses == cold.losses
    for name, array in cold.weights.items():
        np.testing.assert_array_equal(warm.weights[name], array, err_msg=name)


def test_dropout_is_active_in_training(models: Models, track: str, case: Case, without_dropout: Case):
    dropped, kept = (
        models.train(track, one, rates, BATCH_SIZE, epsilon)
        for one, rates, epsilon in ((case, RATES, 1e-7), (without_dropout, (1e-2,), 1e-3))
    )

    assert abs(dropped.losses[0] - kept.losses[0]) > 1e-4
