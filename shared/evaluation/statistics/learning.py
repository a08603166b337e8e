"""Did two tracks learn anything? What each scores above the best constant answer, with the interval of a difference.

The constant answer is the most frequent class of the test labels for accuracy, and one score for all examples, which
has 0.5, for ROC AUC. Two tracks that do not beat it are alike because neither learned.
"""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.base.tolerances import SCATTER_ROUNDING
from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics.intervals import Estimate, score, score_difference, scores

LEARNING_CONFIDENCE = 0.9
"""Its lower end alone is asked, so a track that scores like the constant answer passes in 5 % of comparisons."""


@dataclass(frozen=True)
class Learning:
    """Two tracks beside the best constant answer."""

    constant: float
    """The metric of the constant answer on the test labels."""
    first: Estimate
    """The metric of the first track, with its interval at 90 %."""
    second: Estimate
    shown: bool
    """The whole interval of either track lies above the constant answer."""


def measure(metric: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Learning:
    """Compare logits (seeds, examples, classes or 1) with the best constant answer to labels (examples,)."""
    constant = constant_answer(metric, first.shape[-1], labels)
    base = metrics.score(metric, constant, labels)
    of_first, of_second = (_beside(metric, logits, constant, labels) for logits in (first, second))
    return Learning(base, of_first, of_second, of_first.low > base or of_second.low > base)


def constant_answer(metric: str, width: int, labels: np.ndarray) -> np.ndarray:
    """Return the best logits (examples, width) for labels (examples,) that are the same for every example."""
    logits = np.zeros((len(labels), width), np.float32)
    if metric == "accuracy":
        most_frequent = np.bincount(labels).argmax()
        if width == 1:
            logits[:] = 1.0 if most_frequent else -1.0
        else:
            logits[:, most_frequent] = 1.0
    return logits


def _beside(metric: str, logits: np.ndarray, constant: np.ndarray, labels: np.ndarray) -> Estimate:
    """Estimate a track's metric: over the seeds, or paired with the constant answer over the test examples.

    Seeds that all score the same do not show their scatter, and an interval of width zero would promise too much.
    """
    by_seed = scores(metric, logits, labels)
    single = np.ptp(by_seed) <= SCATTER_ROUNDING
    if not single or metric != "accuracy":  # the ROC AUC of a constant is 0.5 on any examples: pairing adds nothing
        return score(metric, logits[:1] if single else logits, labels, LEARNING_CONFIDENCE)
    above = score_difference(metric, logits[:1], constant[np.newaxis], labels, LEARNING_CONFIDENCE)
    base = metrics.score(metric, constant, labels)
    return Estimate(float(by_seed[0]), base + above.low, base + above.high, above.method)
