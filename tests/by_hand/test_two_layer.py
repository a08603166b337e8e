"""The network's backward pass against complex steps of its loss, and its loss against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from scipy.special import expit
from sklearn.metrics import log_loss

from tests.by_hand import differences
from tests.by_hand.cases import Case, cases
from twotrack.shared.by_hand import two_layer


def test_forward_of_one_unit_and_one_example_is_the_sum_worked_out_on_paper():
    weights = two_layer.Weights(np.array([[0.5], [-1.0]]), np.array([0.25]), np.array([[2.0]]), np.array([-1.0]))

    z1, a1, z2 = two_layer.forward(weights, np.array([[3.0, 2.0]]), "sigmoid")

    # z1 = 0.5 * 3 - 1 * 2 + 0.25; a1 = 1 / (1 + exp(0.25)); z2 = 2 * a1 - 1
    np.testing.assert_allclose([z1[0, 0], a1[0, 0], z2[0, 0]], [-0.25, 0.4378234991142019, -0.1243530017715962])


@given(cases)
def test_loss_is_scikit_learns_log_loss_of_the_probabilities(case: Case):
    z2 = two_layer.forward(case.weights, case.x, case.activation).z2

    expected = log_loss(case.y, expit(z2[:, 0]), labels=[0, 1])
    found = two_layer.loss(case.weights, case.x, case.y[:, None], case.activation)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", two_layer.Weights._fields)
@given(case=cases)
def test_backward_is_the_gradient_of_complex_steps(name: str, case: Case):
    function = {"sigmoid": differences.sigmoid, "tanh": np.tanh}[case.activation]

    def loss(moved: np.ndarray) -> complex:
        weights = case.weights._replace(**{name: moved})
        z2 = function(case.x @ weights.W1 + weights.b1) @ weights.W2 + weights.b2
        return differences.binary_cross_entropy(z2[:, 0], case.y)

    found = getattr(two_layer.backward(case.weights, case.x, case.y[:, None], case.activation), name)

    expected = differences.gradient(loss, getattr(case.weights, name))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(cases)
def test_update_goes_down_the_gradient_at_the_learning_rate(case: Case):
    arguments = (case.weights, case.x, case.y[:, None], case.activation)

    updated = two_layer.update(*arguments, learning_rate=0.5)

    for before, after, slope in zip(case.weights, updated, two_layer.backward(*arguments), strict=True):
        np.testing.assert_allclose((before - after) / 0.5, slope, rtol=1e-9, atol=1e-12)
