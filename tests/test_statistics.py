"""Intervals: the formulas, and that they hold the truth as often as they say."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from shared import statistics

Z = stats.norm.ppf(0.975)
TRIALS = 1000
COVERAGE = (0.93, 0.97)
"""0.95 give or take three standard errors of a share over 1000 trials."""


def wilson(right: int, count: int) -> tuple[float, float]:
    share, inflation = right / count, 1 + Z**2 / count
    centre = (share + Z**2 / (2 * count)) / inflation
    half = Z / inflation * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return centre - half, centre + half


def student(values: np.ndarray) -> tuple[float, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / sqrt(len(values))
    return values.mean() - half, values.mean() + half


def answers(accuracies: list[float], count: int = 400, seed: int = 0) -> np.ndarray:
    """Booleans (seeds, count), right with the given probabilities."""
    return np.random.default_rng(seed).random((len(accuracies), count)) < np.array(accuracies)[:, np.newaxis]


def coverage(intervals: list[statistics.Estimate], truth: float) -> float:
    return float(np.mean([one.low <= truth <= one.high for one in intervals]))


@pytest.mark.parametrize(("right", "count"), [(9880, 10_000), (1, 10), (10, 10), (0, 10)])
def test_accuracy_of_one_seed_has_wilsons_interval(right: int, count: int):
    estimate = statistics.accuracy(np.arange(count)[np.newaxis] < right)

    assert estimate.value == right / count
    assert (estimate.low, estimate.high) == pytest.approx(wilson(right, count), abs=1e-12)
    assert estimate.method == "Wilson, over test examples"


def test_accuracy_of_several_seeds_has_students_interval_over_seeds():
    correct = answers([0.9, 0.92, 0.95])

    estimate = statistics.accuracy(correct)

    assert estimate.value == pytest.approx(correct.mean(axis=1).mean())
    assert (estimate.low, estimate.high) == pytest.approx(student(correct.mean(axis=1)))
    assert estimate.method == "Student's t, over seeds"


def test_equal_accuracies_have_an_interval_of_width_zero():
    estimate = statistics.accuracy(np.array([[True, True, False, True], [False, True, True, True]]))

    assert (estimate.low, estimate.value, estimate.high) == (0.75, 0.75, 0.75)


def test_difference_of_one_seed_is_paired_over_the_examples():
    first, second = answers([0.9], seed=1), answers([0.85], seed=2)

    estimate = statistics.accuracy_difference(first, second)

    paired = first[0].astype(int) - second[0].astype(int)
    assert estimate.value == pytest.approx(first.mean() - second.mean())
    assert (estimate.low, estimate.high) == pytest.approx(student(paired))


def test_difference_of_several_seeds_is_paired_over_the_seeds():
    first, second = answers([0.9, 0.8, 0.95], seed=1), answers([0.88, 0.79, 0.9], seed=2)

    estimate = statistics.accuracy_difference(first, second)

    paired = first.mean(axis=1) - second.mean(axis=1)
    assert (estimate.low, estimate.high) == pytest.approx(student(paired))


def test_the_difference_changes_sign_with_the_order():
    first, second = answers([0.9], seed=1), answers([0.8], seed=2)

    there, back = statistics.accuracy_difference(first, second), statistics.accuracy_difference(second, first)

    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))


def test_no_disagreement_at_all_is_bounded_by_what_could_have_been_missed():
    """Clopper and Pearson: with this share of disagreements, none in 400 has probability 2.5 %."""
    correct = answers([0.9])

    estimate = statistics.accuracy_difference(correct, correct)

    assert estimate.value == 0.0
    assert estimate.low == -estimate.high
    assert (1 - estimate.high) ** 400 == pytest.approx(0.025)


def test_wilsons_interval_holds_the_true_accuracy_in_95_percent_of_trials():
    intervals = [statistics.accuracy(answers([0.95], 1000, seed)) for seed in range(TRIALS)]

    assert COVERAGE[0] <= coverage(intervals, 0.95) <= COVERAGE[1]


def test_the_interval_over_seeds_holds_the_true_accuracy_in_95_percent_of_trials():
    intervals = [statistics.accuracy(answers([0.9] * 4, 1000, seed)) for seed in range(TRIALS)]

    assert COVERAGE[0] <= coverage(intervals, 0.9) <= COVERAGE[1]


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_of_the_difference_holds_the_true_one_in_95_percent_of_trials(seeds: int):
    """Both answers follow the difficulty of the example, as two trained models do."""
    intervals, generator = [], np.random.default_rng(0)
    for _ in range(TRIALS):
        difficulty = generator.random((seeds, 1000))
        first, second = (difficulty + generator.normal(0, 0.05, difficulty.shape) < share for share in (0.90, 0.88))
        intervals.append(statistics.accuracy_difference(first, second))

    noise = stats.norm(0, 0.05)
    truth = expected_share(noise, 0.90) - expected_share(noise, 0.88)
    assert COVERAGE[0] <= coverage(intervals, truth) <= COVERAGE[1]


def expected_share(noise: stats.rv_continuous, share: float) -> float:
    """Return the probability that uniform difficulty plus noise stays below `share`."""
    return float(np.mean(noise.cdf(share - (np.arange(100_000) + 0.5) / 100_000)))
