"""Did two tracks learn anything? What each scores above the best constant answer, with the interval of a difference.

The constant answer is the most frequent class of the test labels for accuracy, and one score for all examples, which
has 0.5, for ROC AUC. Two tracks that do not beat it are alike because neither learned.
"""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.base.tolerances import SCATTER_ROUNDING
from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics.intervals import Estimate, differences_by_seed, score_difference

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
    score = metrics.score(metric, constant, labels)
    of_first, of_second = (_above(metric, logits, constant, labels) for logits in (first, second))
    shown = of_first.low > 0 or of_second.low > 0
    return Learning(score, _shifted(of_first, score), _shifted(of_second, score), shown)


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


def _above(metric: str, logits: np.ndarray, constant: np.ndarray, labels: np.ndarray) -> Estimate:
    """Estimate a track's metric minus the constant answer's: over the seeds, over the test examples of one seed."""
    repeated = np.broadcast_to(constant, logits.shape)
    differences = differences_by_seed(metric, logits, repeated, labels)
    # The scatter of seeds that score the same is unknown, and an interval of width zero would promise too much.
    seeds = len(logits) if np.ptp(differences) > SCATTER_ROUNDING else 1
    return score_difference(metric, logits[:seeds], repeated[:seeds], labels, LEARNING_CONFIDENCE)


def _shifted(estimate: Estimate, by: float) -> Estimate:
    return Estimate(estimate.value + by, estimate.low + by, estimate.high + by, estimate.method)
