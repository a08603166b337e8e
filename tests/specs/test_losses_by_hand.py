"""NumPy's losses, which the tracks are held to, are those of scikit-learn and SciPy, and of the papers' definitions."""

from itertools import groupby, product

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance
from sklearn import metrics

from tests.losses.cases import CASES, WEIGHTS
from tests.specs.losses_by_hand import value_and_gradient
from twotrack.shared.spec import loss_specs as specs
from twotrack.shared.spec.loss_specs import Loss

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(6, 3))
LABELS, ONES = RANDOM.integers(3, size=6), RANDOM.integers(2, size=(6, 3))
OWN = RANDOM.uniform(0.2, 2, 6)
"""Weights of examples."""


def value(loss: Loss, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    return value_and_gradient(loss, x, y, weights, None)[0]


def test_weights_of_classes_over_their_sum_are_scikit_learn_s() -> None:
    own = value(specs.CrossEntropy(class_weights=WEIGHTS, divisor="weights"), X, LABELS)
    weights = np.take(WEIGHTS, LABELS)
    p = special.softmax(X, -1)
    assert own == pytest.approx(metrics.log_loss(LABELS, p, sample_weight=weights, labels=[0, 1, 2]))


def test_weights_of_examples_over_their_sum_are_scikit_learn_s() -> None:
    y = RANDOM.normal(size=X.shape)
    squares = value(specs.SquaredError(weights="examples", divisor="weights"), X, y, OWN)
    assert squares == pytest.approx(metrics.mean_squared_error(y, X, sample_weight=OWN))
    absolute = value(specs.AbsoluteError(weights="examples", divisor="weights"), X, y, OWN)
    assert absolute == pytest.approx(metrics.mean_absolute_error(y, X, sample_weight=OWN))


def test_poisson_is_scipy_s_but_for_what_no_output_changes() -> None:
    counts = RANDOM.poisson(2.0, X.shape)
    own = -stats.poisson.logpmf(counts, np.exp(X)) - special.gammaln(counts + 1)
    assert value(specs.Poisson(), X, counts) == pytest.approx(own.mean())


def test_cosine_is_scipy_s() -> None:
    y = RANDOM.normal(size=X.shape)
    wanted = np.mean([distance.cosine(*pair) - 1 for pair in zip(X, y, strict=True)])
    assert value(specs.CosineSimilarity(), X, y) == pytest.approx(wanted)


def test_log_cosh_and_the_triplets_distances_are_scipy_s() -> None:
    y = RANDOM.normal(size=X.shape)
    assert value(specs.LogCosh(), X, y) == pytest.approx(np.log(np.cosh(X - y)).mean())
    triplets = RANDOM.normal(size=(5, 3, 4))
    own = [max(0.0, distance.sqeuclidean(a, p) - distance.sqeuclidean(a, n) + 0.2) for a, p, n in triplets]
    assert value(specs.Triplet(margin=0.2, squared=True), triplets, np.zeros(5)) == pytest.approx(np.mean(own))


def test_focal_is_equation_5_of_lin_et_al() -> None:
    p = special.expit(X)
    true, alpha = np.where(ONES == 1, p, 1 - p), np.where(ONES == 1, 0.25, 0.75)
    wanted = -alpha * (1 - true) ** 2 * np.log(true)
    assert value(specs.Focal(gamma=2.0, alpha=0.25), X, ONES.astype(float)) == pytest.approx(wanted.mean())


def test_ctc_is_the_sum_over_all_paths() -> None:
    """Graves et al. 2006, equation 3: every path of classes whose repetitions and blanks taken away are the labels."""
    steps, classes = 5, 3
    x = RANDOM.normal(size=(1, steps, classes))
    p = special.softmax(x[0], -1)
    for labels in ((1,), (1, 1), (2, 1)):
        paths = product(range(classes), repeat=steps)
        total = sum(p[range(steps), path].prod() for path in paths if spelled(path) == labels)
        assert value(specs.CTC(), x, np.array([[*labels, 0]])) == pytest.approx(-np.log(total)), labels


def spelled(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for label, _ in groupby(path) if label)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    case, width = CASES[name], 1e-6
    x, y = case.arrays()
    _, gradient = value_and_gradient(case.loss, x, y, case.weights, case.mask)
    way = RANDOM.normal(size=x.shape)
    if case.link in ("softmax", "sigmoid"):
        way = way * x / 2  # stays between 0 and 1
    above, below = (
        value_and_gradient(case.loss, x + sign * width * way, y, case.weights, case.mask)[0] for sign in (1, -1)
    )
    assert (gradient * way).sum() == pytest.approx((above - below) / (2 * width), rel=1e-6, abs=1e-8)
