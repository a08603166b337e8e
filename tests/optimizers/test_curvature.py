"""The curvature estimate is, on average, the diagonal of the Gauss-Newton matrix, and touches nothing but h."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, softmax

from tests.optimizers import sophia_tasks
from tests.optimizers.cases import OUTPUTS
from tests.optimizers.reference import draw_labels
from twotrack.shared.errors import UserError
from twotrack.shared.spec.curvature import draw_noise
from twotrack.shared.spec.losses import LossName
from twotrack.shared.workers.pool import WorkerPool

TRACKS = ("torch", "keras:tensorflow", "keras:jax", "keras:torch")
LOSSES = tuple(OUTPUTS)
DISTRIBUTIONS = {
    "cross_entropy": stats.gumbel_r(),
    "binary_cross_entropy": stats.logistic(),
    "mean_squared_error": stats.norm(scale=0.5**0.5),
}
STEPS = 4000
FEATURES = np.random.default_rng(1).normal(size=(6, 2))
"""(batch, features) of the small regressions below."""


def test_noise_depends_on_step_and_output_alone() -> None:
    drawn = {
        (step, output): draw_noise("cross_entropy", (4, 3), step, output) for step in range(3) for output in (0, 1)
    }
    assert all(np.array_equal(noise, draw_noise("cross_entropy", (4, 3), *place)) for place, noise in drawn.items())
    assert len({noise.tobytes() for noise in drawn.values()}) == len(drawn)


@pytest.mark.parametrize("loss", LOSSES)
def test_noise_of_many_steps_has_its_distribution(loss: LossName) -> None:
    drawn = np.concatenate([draw_noise(loss, (5, 3), step).ravel() for step in range(1000)])
    assert stats.kstest(drawn, DISTRIBUTIONS[loss].cdf).pvalue > 0.01


def _read(outputs: np.ndarray, loss: LossName, noise: np.ndarray) -> np.ndarray:
    """Read labels as twotrack.shared.spec.curvature documents it."""
    match loss:
        case "cross_entropy":
            return (outputs + noise).argmax(axis=-1)
        case "binary_cross_entropy":
            return (outputs + noise > 0).astype(float)
        case "mean_squared_error":
            return outputs + noise


def test_classes_come_as_often_as_softmax_says() -> None:
    logits = np.array([0.0, 1.0, -2.0, 2.5])
    labels = [_read(logits, "cross_entropy", draw_noise("cross_entropy", (4,), step)) for step in range(STEPS)]
    assert stats.chisquare(np.bincount(labels, minlength=4), STEPS * softmax(logits)).pvalue > 0.01


def test_ones_come_as_often_as_the_sigmoid_says() -> None:
    logits = np.array([-3.0, -0.5, 0.0, 2.0])
    ones = sum(_read(logits, "binary_cross_entropy", draw_noise("binary_cross_entropy", (4,), n)) for n in range(STEPS))
    expected = expit(logits) * STEPS
    assert (np.abs(ones - expected) < 4 * np.sqrt(expected * (1 - expit(logits)))).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_probabilities_and_noisy_outputs_give_the_same_labels(loss: LossName) -> None:
    """What the reference draws from probabilities, and the tracks from logits."""
    outputs = 2 * np.random.default_rng(3).normal(size=(500, OUTPUTS[loss]))
    assert np.array_equal(draw_labels(outputs, loss, 7), _read(outputs, loss, draw_noise(loss, outputs.shape, 7)))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_estimate_of_a_regression_is_its_gauss_newton_diagonal_on_average(loss: LossName) -> None:
    kernel = np.random.default_rng(2).normal(size=(2, OUTPUTS[loss]))
    outputs = FEATURES @ kernel
    estimates = []
    for step in range(STEPS):
        labels = _read(outputs, loss, draw_noise(loss, outputs.shape, step))
        b = FEATURES.T @ _RESIDUALS[loss](outputs, labels) / labels.size
        estimates.append(labels.size * b**2)
    count = len(outputs) if loss == "cross_entropy" else outputs.size
    _assert_mean(np.array(estimates), (FEATURES**2).T @ _SECOND[loss](outputs) / count)


_RESIDUALS: dict[LossName, Callable] = {
    "cross_entropy": lambda outputs, labels: softmax(outputs, axis=1) - np.eye(OUTPUTS["cross_entropy"])[labels],
    "binary_cross_entropy": lambda outputs, labels: expit(outputs) - labels,
    "mean_squared_error": lambda outputs, labels: 2 * (outputs - labels),
}
_SECOND: dict[LossName, Callable[[np.ndarray], np.ndarray]] = {
    "cross_entropy": lambda outputs: softmax(outputs, axis=1) * (1 - softmax(outputs, axis=1)),
    "binary_cross_entropy": lambda outputs: expit(outputs) * (1 - expit(outputs)),
    "mean_squared_error": lambda outputs: np.full(outputs.shape, 2.0),
}
"""Second derivative of the loss in each output: the Gauss-Newton matrix of a linear model is its Hessian."""


def _assert_mean(estimates: np.ndarray, expected: np.ndarray) -> None:
    """The mean lies within 4 standard errors, which are small enough to tell."""
    error = estimates.std(axis=0) / len(estimates) ** 0.5
    assert (error < 0.05 * expected).all()
    assert (np.abs(estimates.mean(axis=0) - expected) < 4 * error).all()


def test_two_outputs_with_unequal_numbers_of_labels_add_up_to_their_gauss_newton_diagonal(workers: WorkerPool) -> None:
    """Logits (batch, time, classes), and (batch, classes) for the mean over time; one kernel makes both."""
    random = np.random.default_rng(5)
    inputs, kernel = random.normal(size=(4, 3, 2)), random.normal(size=(2, 3))
    expected = sum(
        (x.reshape(-1, 2) ** 2).T @ _SECOND["cross_entropy"](x.reshape(-1, 2) @ kernel) / (x.size // 2)
        for x in (inputs, inputs.mean(axis=1))
    )
    asked = sophia_tasks.TwoOutputs(inputs.tolist(), kernel.tolist(), steps=2000)
    _assert_mean(np.array(workers.call("torch", sophia_tasks.estimates_of_two_outputs, asked)), expected)


@pytest.mark.parametrize("track", TRACKS)
def test_an_estimate_leaves_weights_and_running_statistics_as_they_are(track: str, workers: WorkerPool) -> None:
    estimate = workers.call(track, sophia_tasks.estimate_once, track)
    assert estimate.after == estimate.before
    assert {"norm.moving_mean", "norm.moving_variance"} < set(estimate.before)
    assert all(np.max(h) > 0 for h in estimate.curvature)


@pytest.mark.parametrize("track", TRACKS)
def test_a_loss_of_ones_own_is_refused(track: str, workers: WorkerPool) -> None:
    with pytest.raises(UserError, match=r"name the loss \(cross_entropy, binary_cross_entropy, mean_squared_error\)"):
        workers.call(track, sophia_tasks.refusal, track)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("track", TRACKS[1:])
def test_subclassed_models_with_several_outputs_train_as_in_torch(
    track: str, loss: LossName, workers: WorkerPool
) -> None:
    """With batch normalisation, and an embedding whose rows occur several times in a batch."""
    keras, torch = (
        workers.call(one, sophia_tasks.train_pair, sophia_tasks.OfPair(track=one, loss=loss))
        for one in (track, "torch")
    )
    np.testing.assert_allclose(keras.losses, torch.losses, rtol=1e-12)
    for name in set(torch.weights) - {"norm.moving_variance"}:  # torch's is unbiased, and unused in training
        np.testing.assert_allclose(keras.weights[name], torch.weights[name], rtol=0, atol=1e-12, err_msg=name)
