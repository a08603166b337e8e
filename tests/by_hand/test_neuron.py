"""The neuron's loss, gradient and update, against scikit-learn and complex steps."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from tests.by_hand import differences
from tests.by_hand.cases import Case, cases
from twotrack.shared.by_hand import neuron


@given(cases)
def test_loss_is_scikit_learns_log_loss_of_the_probabilities(case: Case):
    z = neuron.logit(*case.neuron, case.x)

    expected = log_loss(case.y, neuron.sigmoid(z), labels=[0, 1])
    assert neuron.binary_cross_entropy(z, case.y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("z", "y", "loss"), [(800, 0, 800), (-800, 1, 800), (800, 1, 0), (-800, 0, 0)])
def test_loss_of_a_certain_answer_is_exact(z: float, y: float, loss: float):
    """log(1 + exp(800)) is 800 to the last digit of a float64, though exp(800) is none."""
    assert neuron.binary_cross_entropy(np.array([z]), np.array([y])) == pytest.approx(loss, rel=1e-15, abs=1e-300)


@given(cases)
def test_gradient_is_that_of_complex_steps(case: Case):
    w, b = case.neuron

    def loss(weights: np.ndarray) -> complex:
        return differences.binary_cross_entropy(case.x @ weights[:-1] + weights[-1], case.y)

    dw, db = neuron.gradient(w, b, case.x, case.y)

    np.testing.assert_allclose([*dw, db], differences.gradient(loss, np.array([*w, b])), rtol=1e-12, atol=1e-12)


def test_updates_lead_to_the_coefficients_of_scikit_learn():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 2))
    y = (x @ [1.0, -2.0] + 0.5 + generator.logistic(size=200) > 0).astype(float)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)

    w, b = np.zeros(2), 0.0
    for _ in range(2000):
        w, b = neuron.update(w, b, x, y, learning_rate=1.0)

    np.testing.assert_allclose([*w, b], [*fitted.coef_[0], *fitted.intercept_], rtol=1e-5)
