"""Two models on the same test set, seed by seed: McNemar's test of accuracy, paired bootstrap of ROC AUC.

A seed's test says whether these two trained models differ. Models of one track differ too, from seed to seed, so it
says nothing about the tracks; that is what `twotrack.shared.evaluation.statistics.verdict` is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics.areas import bootstrap
from twotrack.shared.evaluation.statistics.intervals import CONFIDENCE, over_examples


@dataclass(frozen=True)
class SeedTest:
    """Two models of one seed on the same test examples; the interval, at 95 %, is for another test set."""

    seed: int
    difference: float
    """The metric of the first minus that of the second."""
    low: float
    high: float
    p_value: float
    """Two-sided, of no difference."""
    method: str
    only_first_right: int | None = None
    """Test examples; None unless the metric is accuracy."""
    only_second_right: int | None = None


def seed_tests(
    metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray, seeds: Sequence[int]
) -> tuple[SeedTest, ...]:
    """Test every seed's pair of models; logits (seeds, examples, classes or 1), labels (examples,)."""
    if metric == "accuracy":
        right = [metrics.classes(logits) == labels for logits in (first, second)]
        return tuple(mcnemar(*pair) for pair in zip(seeds, *right, strict=True))
    resampled = bootstrap(first, labels) - bootstrap(second, labels)
    return tuple(_bootstrapped(seed, differences) for seed, differences in zip(seeds, resampled, strict=True))


def mcnemar(seed: int, first: np.ndarray, second: np.ndarray) -> SeedTest:
    """Test whether two models are right equally often (McNemar 1947), exactly; booleans (examples,)."""
    from scipy import stats

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreements = only_first + only_second
    p_value = stats.binomtest(only_first, disagreements).pvalue if disagreements else 1.0
    interval = over_examples(first.astype(float) - second.astype(float))
    return SeedTest(
        seed, interval.value, interval.low, interval.high, float(p_value), "McNemar, exact", only_first, only_second
    )


def _bootstrapped(seed: int, differences: np.ndarray) -> SeedTest:
    """Test from resampled differences (1 + resamples,), the observed one first."""
    observed, resampled = float(differences[0]), differences[1:]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    fewest = min((resampled <= 0).sum(), (resampled >= 0).sum())
    p_value = min(1.0, 2 * (fewest + 1) / (len(resampled) + 1))
    return SeedTest(seed, observed, float(low), float(high), float(p_value), "paired bootstrap")
