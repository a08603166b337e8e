"""Metrics agree with scikit-learn, SciPy and their definitions, and refuse what is not finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from scipy.stats import mannwhitneyu
from sklearn.metrics import accuracy_score, log_loss

from twotrack.shared.evaluation import metrics


def random_answers(examples: int, classes: int, seed: int, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=scale, size=(examples, classes)).astype(np.float32)
    return logits, generator.integers(classes, size=examples).astype(np.int32)


@given(st.integers(1, 40), st.integers(2, 10), st.integers(0, 100))
def test_accuracy_and_loss_agree_with_scikit_learn(examples: int, classes: int, seed: int):
    logits, labels = random_answers(examples, classes, seed)

    scores = metrics.evaluate(logits, labels)

    probabilities = softmax(logits.astype(np.float64), axis=1)
    assert scores["accuracy"] == accuracy_score(labels, probabilities.argmax(axis=1))
    assert scores["loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(classes)), rel=1e-12)


def test_loss_of_an_impossible_answer_is_its_logit_margin():
    """Where probabilities underflow, log-probabilities must not."""
    scores = metrics.evaluate(np.array([[1e4, 0.0]], np.float32), np.array([1]))

    assert scores == {"accuracy": 0.0, "loss": 1e4}


def test_loss_of_equal_logits_is_the_logarithm_of_the_classes():
    assert metrics.evaluate(np.zeros((5, 10)), np.zeros(5, int))["loss"] == pytest.approx(np.log(10), rel=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(bad: float):
    logits, labels = random_answers(5, 3, seed=0)
    logits[2, 1] = bad

    with pytest.raises(ValueError, match="NaN or infinity"):
        metrics.evaluate(logits, labels)


def test_confusion_counts_true_classes_in_rows_and_predicted_ones_in_columns():
    logits, labels = random_answers(200, 4, seed=1)

    counts = np.zeros((4, 4), int)
    for label, answer in zip(labels, logits.argmax(axis=1), strict=True):
        counts[label, answer] += 1
    np.testing.assert_array_equal(metrics.confusion(logits, labels), counts)


def test_confusion_keeps_classes_that_never_occur():
    matrix = metrics.confusion(np.array([[1.0, 0.0, 0.0]]), np.array([0]))

    assert matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def random_scores(examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (examples, 1), many of them equal, and labels of both classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(examples, dtype=np.int32) % 2
    return np.round(generator.normal(labels, 1.5), 1).astype(np.float32)[:, None], labels


@given(st.integers(4, 60), st.integers(0, 100))
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(examples: int, seed: int):
    logits, labels = random_scores(examples, seed)

    scores = metrics.evaluate(logits, labels)

    positive, negative = logits[labels == 1, 0], logits[labels == 0, 0]
    share = mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative))
    assert scores["roc_auc"] == pytest.approx(share, abs=1e-12)
    assert metrics.score("roc_auc", logits, labels) == scores["roc_auc"]


@given(st.integers(4, 60), st.integers(0, 100))
def test_binary_metrics_follow_their_definitions(examples: int, seed: int):
    logits, labels = random_scores(examples, seed)

    scores = metrics.evaluate(logits, labels)

    probability = expit(logits[:, 0].astype(np.float64))
    predicted = probability > 0.5
    hits = int((predicted & (labels == 1)).sum())
    assert scores["accuracy"] == np.mean(predicted == labels)
    assert scores["f1"] == pytest.approx(2 * hits / (predicted.sum() + labels.sum()), abs=1e-12)
    assert scores["loss"] == pytest.approx(log_loss(labels, probability), rel=1e-9)
    assert scores["brier"] == pytest.approx(np.mean((probability - labels) ** 2), rel=1e-12)


def test_pr_auc_steps_down_the_ranking():
    """Ranks 1, 3 and 4 of 5 are positive: precisions 1, 2/3 and 3/4, each for a third of the recall."""
    logits = np.array([[5.0], [4.0], [3.0], [2.0], [1.0]])

    assert metrics.evaluate(logits, np.array([1, 0, 1, 1, 0]))["pr_auc"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_calibration_error_weighs_each_bin_by_its_examples():
    """Three examples at 0.95 of which two occur, one at 0.15 that occurs."""
    probability, labels = np.array([0.95, 0.95, 0.95, 0.15]), np.array([1, 1, 0, 1])

    expected = (3 * abs(2 / 3 - 0.95) + 1 * abs(1 - 0.15)) / 4
    assert metrics.calibration_error(probability, labels) == pytest.approx(expected)


def test_perfectly_calibrated_bins_have_no_error_and_one_is_in_the_last_bin():
    assert metrics.calibration_error(np.array([1.0, 1.0, 0.0]), np.array([1, 1, 0])) == 0


def test_a_sure_and_wrong_answer_costs_its_logit():
    assert metrics.evaluate(np.array([[1e4], [-1e4]]), np.array([0, 1]))["loss"] == 1e4


def test_one_logit_means_the_second_of_two_classes():
    logits = np.array([[-2.0], [0.5]])

    assert metrics.classes(logits).tolist() == [0, 1]
    np.testing.assert_allclose(metrics.probabilities(logits), softmax(np.hstack([0 * logits, logits]), axis=1))
    assert metrics.confusion(logits, np.array([1, 1])).tolist() == [[0, 0], [1, 1]]
