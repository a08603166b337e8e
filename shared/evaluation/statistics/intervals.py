"""Intervals for one track and for the difference between two, all at 95 % unless said otherwise."""

from dataclasses import dataclass, replace

import numpy as np

from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics.areas import bootstrap

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and where the interval comes from."""

    value: float
    low: float
    high: float
    method: str


def score(metric: str, logits: np.ndarray, labels: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a metric of shared/evaluation from logits (seeds, examples, classes or 1) and labels (examples,).

    One seed: accuracy as in `accuracy`, any other metric by bootstrap over the test examples, for
    another test set. More seeds: Student's t over the seeds, for another seed.
    """
    if metric == "accuracy":
        return accuracy(metrics.classes(logits) == labels, confidence)
    if len(logits) == 1:
        return _bootstrapped(bootstrap(logits, labels)[0], confidence)
    return _over_seeds(scores(metric, logits, labels), confidence)


def score_difference(
    metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray, confidence: float = CONFIDENCE
) -> Estimate:
    """Estimate a metric of the first minus that of the second; arguments as for `score`, paired like them.

    Two one-sided tests at 5 % (Schuirmann 1987) find the two equivalent within a margin exactly if the
    interval at confidence 0.9 lies inside it.
    """
    if metric == "accuracy":
        return accuracy_difference(metrics.classes(first) == labels, metrics.classes(second) == labels, confidence)
    if len(first) == 1:
        return _bootstrapped((bootstrap(first, labels) - bootstrap(second, labels))[0], confidence)
    return mean_of(differences_by_seed(metric, first, second, labels), "paired t, over seeds", confidence)


def differences_by_seed(metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return a metric of the first minus that of the second for each seed: (seeds,)."""
    return scores(metric, first, labels) - scores(metric, second, labels)


def scores(metric: str, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the metric of each seed's logits: (seeds,)."""
    return np.array([metrics.score(metric, seed_logits, labels) for seed_logits in logits])


def _over_seeds(values: np.ndarray, confidence: float) -> Estimate:
    """Estimate a score for another seed from those of some (seeds,); what no score can be is not in the interval."""
    found = mean_of(values, "Student's t, over seeds", confidence)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def _bootstrapped(values: np.ndarray, confidence: float) -> Estimate:
    """Estimate from values (1 + resamples,), the observed one first (Efron and Tibshirani 1993)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return Estimate(float(values[0]), float(low), float(high), "bootstrap, over test examples")


def accuracy(correct: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate accuracy from booleans (seeds, examples).

    One seed: Wilson's interval, for another test set. More seeds: Student's t over the seeds'
    accuracies, for another seed.
    """
    if len(correct) == 1:
        from statsmodels.stats.proportion import proportion_confint

        low, high = proportion_confint(correct.sum(), correct.size, 1 - confidence, "wilson")
        return Estimate(float(correct.mean()), float(low), float(high), "Wilson, over test examples")
    return _over_seeds(correct.mean(axis=1), confidence)


def accuracy_difference(first: np.ndarray, second: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate accuracy of the first minus the second, from booleans (seeds, examples) in the same order.

    One seed: paired over the test examples. More seeds: paired over the seeds.
    """
    if len(first) > 1:
        return mean_of(first.mean(axis=1) - second.mean(axis=1), "paired t, over seeds", confidence)
    return over_examples(first[0].astype(float) - second[0].astype(float), confidence)


def over_examples(difference: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a difference in accuracy for another test set from what each example (examples,) adds to it."""
    if difference.any():
        return mean_of(difference, "paired t, over test examples", confidence)
    from statsmodels.stats.proportion import proportion_confint

    # No disagreement at all: the interval of the share of disagreements bounds the difference.
    _, bound = proportion_confint(0, difference.size, 1 - confidence, "beta")
    return Estimate(0.0, -float(bound), float(bound), "Clopper-Pearson, over test examples")


def mean_of(values: np.ndarray, method: str, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a mean; equal values have an interval of width 0."""
    centre = float(values.mean())
    if np.ptp(values) == 0:
        return Estimate(centre, centre, centre, method)
    from scipy import stats

    interval = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
    return Estimate(centre, float(interval.low), float(interval.high), method)
