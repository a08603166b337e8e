"""The same weights and batches give the same losses and updates, dropout off."""

from math import sqrt

import numpy as np

from tests.support import reference_network, tolerances
from tests.support.cases import Case, real_images
from tests.support.models import Models, Trained
from twotrack.shared.spec.optimizers import Adam
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import OneCycle

# Few images: the unbiased variance would then miss by 1e-4, twenty times the tolerance.
BATCH_SIZE = 4
LEARNING_RATE = 1e-2
# Where the gradient is zero but for rounding, as of a bias before a batch norm, Adam with a small
# epsilon turns the rounding into whole steps. With this one the step follows the gradient smoothly.
SMOOTH_EPSILON = 1e-3


def one_step(models: Models, track: str, case: Case) -> Trained:
    return models.train(track, case, (LEARNING_RATE,), BATCH_SIZE, SMOOTH_EPSILON)


def test_first_loss_is_the_cross_entropy_of_the_equations_before_any_update(
    models: Models, track: str, case: Case, without_dropout: Case
):
    expected, _ = reference_network.training_loss(models.weights(case), *real_images(case.chapter, BATCH_SIZE))

    losses = one_step(models, track, without_dropout).losses

    np.testing.assert_allclose(losses, [expected], rtol=0, atol=tolerances.FIRST_LOSS)


def test_one_step_from_the_same_weights_leads_every_track_to_the_same_weights(
    models: Models, keras_track: str, case: Case, without_dropout: Case
):
    ours, theirs = (one_step(models, track, without_dropout).weights for track in ("torch", keras_track))

    bound = tolerances.STEP[case.config.architecture] * LEARNING_RATE
    for name in ours:
        np.testing.assert_allclose(theirs[name], ours[name], rtol=0, atol=bound, err_msg=name)


def test_a_step_updates_every_weight(models: Models, track: str, case: Case, without_dropout: Case):
    before, after = models.weights(case), one_step(models, track, without_dropout).weights

    assert [name for name in before if np.array_equal(after[name], before[name])] == []


def test_losses_of_a_one_cycle_schedule_agree_step_by_step(models: Models, keras_track: str, without_dropout: Case):
    recipe = Recipe(Adam(learning_rate=3e-3), OneCycle(0.3, 25.0, 1e4), BATCH_SIZE, 1)
    rates = tuple(recipe.learning_rates(20)[:6])

    ours, theirs = (models.train(track, without_dropout, rates, BATCH_SIZE).losses for track in ("torch", keras_track))

    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerances.LOSSES_OF_SIX_STEPS)


def test_moving_statistics_average_the_mean_and_the_biased_variance_of_the_batch(
    models: Models, track: str, case: Case, without_dropout: Case
):
    before, after = models.weights(case), one_step(models, track, without_dropout).weights

    _, seen = reference_network.training_loss(before, *real_images(case.chapter, BATCH_SIZE))
    assert seen.keys() == {name for name in before if ".moving_" in name}
    for name, of_batch in seen.items():
        expected = 0.9 * before[name].astype(np.float64) + 0.1 * of_batch
        np.testing.assert_allclose(after[name], expected, rtol=0, atol=tolerances.MOVING_STATISTICS, err_msg=name)


def test_gradients_are_those_of_finite_differences(models: Models, case: Case, without_dropout: Case):
    """In float64. An epsilon far above the gradients makes Adam's first step the gradient itself."""
    epsilon, batch = 1e9, real_images(case.chapter, BATCH_SIZE)
    rate = epsilon / sqrt(1 - Adam(1.0).beta_2)

    before = models.weights(case)
    after = models.train("torch", without_dropout, (rate,), BATCH_SIZE, epsilon, precision="float64").weights

    for name in models.describe("torch", case).trainable:
        gradient = before[name].astype(np.float64) - after[name]
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        slope = _slope(before, name, place, batch)
        np.testing.assert_allclose(gradient[place], slope, rtol=0, atol=tolerances.GRADIENT, err_msg=name)


def _slope(weights: dict, name: str, place: tuple, batch: tuple[np.ndarray, np.ndarray]) -> float:
    """Central difference of the reference's loss."""
    step, losses = 1e-7, []  # small enough to cross no kink of a rectifier or a maximum
    for sign in (1, -1):
        moved = weights[name].astype(np.float64)
        moved[place] += sign * step
        losses.append(reference_network.training_loss({**weights, name: moved}, *batch)[0])
    return (losses[0] - losses[1]) / (2 * step)
