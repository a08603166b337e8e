"""Metrics agree with scikit-learn and refuse what is not finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

from shared import metrics


def random_answers(examples: int, classes: int, seed: int, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=scale, size=(examples, classes)).astype(np.float32)
    return logits, generator.integers(classes, size=examples).astype(np.int32)


@given(st.integers(1, 40), st.integers(2, 10), st.integers(0, 100))
def test_accuracy_and_loss_agree_with_scikit_learn(examples: int, classes: int, seed: int):
    logits, labels = random_answers(examples, classes, seed)

    scores = metrics.classification(logits, labels)

    probabilities = softmax(logits.astype(np.float64), axis=1)
    assert scores["accuracy"] == accuracy_score(labels, probabilities.argmax(axis=1))
    assert scores["loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(classes)), rel=1e-12)


def test_loss_of_an_impossible_answer_is_its_logit_margin():
    """Where probabilities underflow, log-probabilities must not."""
    scores = metrics.classification(np.array([[1e4, 0.0]], np.float32), np.array([1]))

    assert scores == {"accuracy": 0.0, "loss": 1e4}


def test_loss_of_equal_logits_is_the_logarithm_of_the_classes():
    assert metrics.classification(np.zeros((5, 10)), np.zeros(5, int))["loss"] == pytest.approx(np.log(10), rel=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(bad: float):
    logits, labels = random_answers(5, 3, seed=0)
    logits[2, 1] = bad

    with pytest.raises(ValueError, match="NaN or infinity"):
        metrics.classification(logits, labels)


def test_confusion_counts_true_classes_in_rows_and_predicted_ones_in_columns():
    logits, labels = random_answers(200, 4, seed=1)

    counts = np.zeros((4, 4), int)
    for label, answer in zip(labels, logits.argmax(axis=1), strict=True):
        counts[label, answer] += 1
    np.testing.assert_array_equal(metrics.confusion(logits, labels), counts)


def test_confusion_keeps_classes_that_never_occur():
    matrix = metrics.confusion(np.array([[1.0, 0.0, 0.0]]), np.array([0]))

    assert matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
