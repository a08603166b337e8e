"""Tracks that learned nothing are not called equivalent, and those that learned are not called unlearned."""

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier

from tests.statistics.simulation import learning_rates
from twotrack.shared.evaluation import metrics, statistics
from twotrack.shared.evaluation.statistics.learning import constant_answer

EXAMPLES = 600
LABELS = (np.arange(EXAMPLES) % 4 == 0).astype(np.int32)
CLASSES = np.array([0, 1, 1, 2] * (EXAMPLES // 4), np.int32)
ALLOWED = 0.05
SIMULATED = {("accuracy", 1), ("accuracy", 5), ("roc_auc", 1)}
"""By default: both metrics, one seed and several; areas of several seeds take the longest."""


def judged(metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray, margin: float) -> statistics.Verdict:
    return statistics.with_learning(statistics.verdict(metric, first, second, labels, margin), first, second, labels)


def scores_of(seeds: int, shift: float, seed: int) -> np.ndarray:
    """Logits (seeds, examples, 1), higher by `shift` for the second class; random ones for a shift of 0."""
    return np.random.default_rng(seed).normal(shift * LABELS, 1.0, (seeds, EXAMPLES))[..., np.newaxis]


def constant(seeds: int) -> np.ndarray:
    """Logits (seeds, examples, 3) of models that always answer the most frequent class."""
    return np.tile(np.array([0.1, 2.0, 0.3]), (seeds, EXAMPLES, 1))


@pytest.mark.parametrize("seeds", [1, 5])
def test_random_scores_are_not_equivalent_but_unlearned(seeds: int):
    first, second = scores_of(seeds, 0.0, seed=1), scores_of(seeds, 0.0, seed=3)

    found = judged("roc_auc", first, second, LABELS, 0.3)

    assert found.kind == "neither learned"
    assert found.learning is not None
    assert found.learning.constant == 0.5
    assert found.seeds_to_decide is None
    assert found.text.startswith("the first and the second are not shown to have learned: ROC AUC ")
    assert "above the 0.5000 of any constant answer" in found.text
    assert "equivalent" not in found.text


def test_tracks_that_learned_the_same_are_equivalent():
    found = judged("roc_auc", scores_of(5, 1.5, seed=1), scores_of(5, 1.5, seed=2), LABELS, 0.1)

    assert found.kind == "equivalent"
    assert found.learning is not None
    assert found.learning.shown


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_models_that_always_give_the_most_frequent_class_are_unlearned(seeds: int):
    """Every seed scores the same, and so do the tracks: nothing scatters."""
    found = judged("accuracy", constant(seeds), constant(seeds), CLASSES, 0.1)

    assert found.kind == "neither learned"
    assert found.learning is not None
    assert found.learning.constant == found.learning.first.value == 0.5
    assert "above the 0.5000 of always answering the most frequent class" in found.text


def test_one_right_answer_more_than_the_constant_in_every_seed_is_no_learning():
    logits = constant(3)
    logits[:, 0] = [5.0, 0.0, 0.0]

    found = judged("accuracy", logits, logits, CLASSES, 0.1)

    assert found.learning is not None
    assert found.learning.first.value == pytest.approx(0.5 + 1 / EXAMPLES)
    assert found.kind == "neither learned"


def test_one_track_that_learned_suffices():
    found = judged("roc_auc", scores_of(5, 1.5, seed=1), scores_of(5, 0.0, seed=2), LABELS, 0.4)

    assert found.kind != "neither learned"


def test_tracks_below_the_constant_answer_that_differ_are_different_and_it_is_said():
    better, worse = (np.where((right == CLASSES)[:, None], np.eye(3)[right], np.eye(3)[0]) for right in (2, 0))
    move = np.random.default_rng(0).integers(3, size=(4, EXAMPLES)) == 0
    first, second = (np.where(move[..., None], logits, np.eye(3)[CLASSES * 0 + 2]) for logits in (better, worse))

    found = judged("accuracy", first, second, CLASSES, 0.01)

    assert found.kind == "different"
    assert "lies beyond the margin" in found.text
    assert "neither is shown to have learned" in found.text


@pytest.mark.parametrize(("metric", "width"), [("accuracy", 1), ("accuracy", 3), ("roc_auc", 1)])
def test_the_constant_answer_scores_like_scikit_learns(metric: str, width: int):
    labels = LABELS if width == 1 else CLASSES
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((EXAMPLES, 1)), labels)

    found = metrics.score(metric, constant_answer(metric, width, labels), labels)

    expected = dummy.score(np.zeros((EXAMPLES, 1)), labels) if metric == "accuracy" else 0.5
    assert found == pytest.approx(expected)


def test_the_intervals_over_seeds_are_students_at_90_percent():
    first, second = scores_of(4, 0.4, seed=1), scores_of(4, 0.2, seed=2)

    found = judged("roc_auc", first, second, LABELS, 0.3).learning

    assert found is not None
    for logits, estimate in ((first, found.first), (second, found.second)):
        areas = [metrics.score("roc_auc", one, LABELS) for one in logits]
        interval = stats.ttest_1samp(areas, 0.5).confidence_interval(0.9)
        assert (estimate.low, estimate.high) == pytest.approx(tuple(interval))


def test_the_summary_puts_unlearned_tracks_before_undecided_ones():
    random, learned = scores_of(3, 0.0, seed=1), scores_of(1, 1.5, seed=2)

    pairs = [judged("roc_auc", logits, logits, LABELS, 0.3) for logits in (learned, random)]

    assert [pair.kind for pair in pairs] == ["undecided", "neither learned"]
    assert statistics.summary(pairs).endswith("(1 of 2 pairs of tracks are not shown to have learned)")


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_one_seed_without_a_difference_says_why_that_decides_nothing(metric: str):
    logits = scores_of(1, 1.5, seed=1) - 0.75

    found = judged(metric, logits, logits, LABELS, 0.3)

    assert (found.kind, found.difference) == ("undecided", 0.0)
    assert "that its two models score the same does not say how others scatter" in found.text
    assert found.text.endswith(
        "about 2 seeds would decide, if they scatter no more than the test examples let this one"
    )


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("metric", "seeds"),
    [
        pytest.param(metric, seeds, marks=() if (metric, seeds) in SIMULATED else pytest.mark.slow)
        for metric in ("accuracy", "roc_auc")
        for seeds in (1, 2, 5)
    ],
)
def test_learned_tracks_are_not_called_unlearned_and_chance_is_not_called_learned(metric: str, seeds: int):
    rates = learning_rates(metric, seeds, repetitions=100)

    assert rates.unlearned_though_learned <= ALLOWED
    # Three standard errors of a share of 5 % over 100 repetitions.
    assert rates.learned_though_chance <= ALLOWED + 0.066
