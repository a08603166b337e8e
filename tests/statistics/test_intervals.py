"""Intervals: the formulas, and that they hold the truth as often as they say."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from twotrack.shared.evaluation import statistics

Z = stats.norm.ppf(0.975)
OF_RESAMPLES = 0.1
"""Of half an interval's width: 1,000 resamples know each end to 4 % of it, both ends to 3 %; 3 standard errors."""
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
    correct = answers([0.6, 0.62, 0.65])

    estimate = statistics.accuracy(correct)

    assert estimate.value == pytest.approx(correct.mean(axis=1).mean())
    assert (estimate.low, estimate.high) == pytest.approx(student(correct.mean(axis=1)))
    assert estimate.method == "Student's t, over seeds"


def test_an_interval_of_scores_ends_where_scores_end():
    """Student's t over two seeds knows no bounds: of 0.98 and 0.96 it goes from 0.84 to 1.10."""
    correct = np.ones((2, 50), bool)
    correct[0, :1], correct[1, :2] = False, False

    assert statistics.accuracy(correct).high == 1.0
    assert statistics.accuracy(~correct).low == 0.0


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


# === ROC AUC ===


def churners(seed: int, shift: float = 1.2, examples: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Logits (1, examples, 1) and labels of which a quarter is 1."""
    labels = (np.arange(examples) % 4 == 0).astype(np.int32)
    scores = np.random.default_rng(seed).normal(shift * labels, 1.0)
    return scores[None, :, None], labels


def placements(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, per positive and per negative, the share of the other class that it is in the right order with."""
    positive, negative = logits[labels == 1], logits[labels == 0]
    right = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    return right.mean(axis=1), right.mean(axis=0)


def test_the_interval_of_one_seeds_roc_auc_has_the_width_of_delongs():
    """DeLong, DeLong and Clarke-Pearson 1988: the variance of the area from its placements."""
    logits, labels = churners(seed=1)

    estimate = statistics.score("roc_auc", logits, labels)

    of_positives, of_negatives = placements(logits[0, :, 0], labels)
    deviation = sqrt(of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives))
    assert estimate.value == pytest.approx(of_positives.mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(Z * deviation, rel=OF_RESAMPLES)
    assert estimate.low < estimate.value < estimate.high


def test_the_difference_of_two_areas_is_paired_over_the_examples():
    logits, labels = churners(seed=2)
    close = logits + np.random.default_rng(3).normal(scale=0.05, size=logits.shape)

    alone = statistics.score("roc_auc", logits, labels)
    difference = statistics.score_difference("roc_auc", close, logits, labels)

    a, b = (placements(one[0, :, 0], labels) for one in (close, logits))
    deviation = sqrt(sum((one - other).var(ddof=1) / len(one) for one, other in zip(a, b, strict=True)))
    assert (difference.high - difference.low) / 2 == pytest.approx(Z * deviation, rel=OF_RESAMPLES)
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)


def test_areas_of_several_seeds_have_students_interval():
    logits, labels = zip(*(churners(seed) for seed in range(5)), strict=True)
    stacked, labels = np.concatenate(logits), labels[0]

    areas = np.array([placements(one[:, 0], labels)[0].mean() for one in stacked])
    estimate = statistics.score("roc_auc", stacked, labels)
    difference = statistics.score_difference("roc_auc", stacked, stacked[::-1], labels)

    assert (estimate.low, estimate.high) == pytest.approx(student(areas))
    assert (difference.low, difference.high) == pytest.approx(student(areas - areas[::-1]))


def test_accuracy_takes_the_way_of_right_and_wrong():
    logits, labels = churners(seed=4)

    right = (logits[..., 0] > 0) == labels
    assert statistics.score("accuracy", logits, labels) == statistics.accuracy(right)
    assert statistics.score_difference("accuracy", logits, -logits, labels) == statistics.accuracy_difference(
        right, (logits[..., 0] < 0) == labels
    )
