"""Every loss that is stated once: equal to an implementation of others, on every track, values and gradients."""

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics

from tests.losses import tasks
from tests.losses.cases import CASES, SATURATED
from tests.losses.tasks import Shown
from tests.support.turns import BACKENDS
from twotrack.shared.errors import UserError
from twotrack.shared.spec import loss_specs as specs
from twotrack.shared.workers.pool import WorkerPool

LIMIT = 1e-12
"""The largest difference measured is 4e-16, relative to what is above 1."""
TRACKS = ("torch", *BACKENDS)


@pytest.fixture(scope="module")
def expected(workers: WorkerPool) -> Shown:
    return workers.call("torch", tasks.by_hand, list(CASES))


def shown(workers: WorkerPool, track: str, saturated: bool = False) -> Shown:
    return workers.call(track, tasks.on_torch if track == "torch" else tasks.on_keras, saturated)


@pytest.mark.parametrize("track", TRACKS)
def test_every_loss_is_that_of_an_independent_implementation(track: str, workers: WorkerPool, expected: Shown) -> None:
    found = shown(workers, track)
    for name in CASES:
        assert found.values[name] == pytest.approx(expected.values[name], rel=LIMIT, abs=LIMIT), name
        np.testing.assert_allclose(
            found.gradients[name], expected.gradients[name], rtol=LIMIT, atol=LIMIT, err_msg=name
        )


@pytest.mark.parametrize("track", TRACKS)
def test_probabilities_of_zero_and_one_have_a_loss_and_a_gradient(track: str, workers: WorkerPool) -> None:
    found, other = shown(workers, track, saturated=True), shown(workers, "torch", saturated=True)
    for name in SATURATED:
        assert np.isfinite(found.values[name])
        assert found.values[name] == pytest.approx(other.values[name], rel=LIMIT)
        np.testing.assert_allclose(found.gradients[name], other.gradients[name], rtol=LIMIT)


def test_values_are_those_of_scikit_learn_and_scipy(expected: Shown) -> None:
    def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
        return CASES[name].arrays()

    x, y = arrays("cross-entropy")
    assert expected.values["cross-entropy"] == pytest.approx(
        metrics.log_loss(y, special.softmax(x, -1), labels=[0, 1, 2])
    )
    x, y = arrays("binary")
    assert expected.values["binary"] == pytest.approx(metrics.log_loss(y.ravel(), special.expit(x).ravel()))
    x, y = arrays("hinge")
    assert expected.values["hinge"] == pytest.approx(metrics.hinge_loss(2 * y.ravel() - 1, x.ravel()))
    x, y = arrays("categorical hinge")
    with_margin = x / 0.7  # scikit-learn's margin is 1
    assert expected.values["categorical hinge"] == pytest.approx(
        0.7 * metrics.hinge_loss(y, with_margin, labels=[0, 1, 2])
    )
    x, y = arrays("Huber")
    assert expected.values["Huber"] == pytest.approx(special.huber(0.8, x - y).mean())
    x, y = arrays("Kullback-Leibler")
    assert expected.values["Kullback-Leibler"] == pytest.approx(
        stats.entropy(y, special.softmax(x, -1), axis=-1).mean()
    )


def test_the_cases_have_every_loss() -> None:
    assert {type(case.loss) for case in CASES.values()} == set(specs.LOSSES)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: specs.Huber(delta=0), "Huber: expected delta > 0, found 0."),
        (lambda: specs.CrossEntropy(label_smoothing=1.0), "expected label_smoothing from 0 to below 1, found 1.0"),
        (lambda: specs.CTC(mask="tokens"), "CTC: expected a loss of whole examples"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make: object, told: str) -> None:
    with pytest.raises(UserError) as error:
        make()  # type: ignore[operator]
    assert told in str(error.value)
