"""Named metrics on NumPy predictions, scikit-learn underneath. Both tracks are judged here and nowhere else.

A model's outputs are logits: (examples, classes), or (examples, 1) for the second of two classes.

SciPy and scikit-learn are imported where they are used: a second that a worker does not spend which judges nothing.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from twotrack.shared.workers import imports

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Metric:
    """How a metric is shown."""

    label: str
    in_points: bool = False
    """Differences are stated in percentage points."""


METRICS = {"accuracy": Metric("accuracy", in_points=True), "roc_auc": Metric("ROC AUC")}
"""The metrics by which chapters compare tracks; larger is better."""


def evaluate(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return every metric of logits (examples, classes or 1) for labels (examples,).

    Raises ValueError if a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise ValueError("the model's outputs contain NaN or infinity")
    exact = logits.astype(np.float64)
    return _binary(exact, labels) if logits.shape[1] == 1 else _multiclass(exact, labels)


def _multiclass(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and mean cross-entropy (nats)."""
    from scipy.special import log_softmax

    picked = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return {
        "accuracy": float(_scikit_learn().accuracy_score(labels, classes(logits))),
        "loss": float(-picked.mean()),
    }


def _binary(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Ranking (ROC AUC, PR AUC as average precision), decisions at 0.5, probabilities (loss in nats)."""
    from scipy.special import expit

    scores, predicted = logits[:, 0], classes(logits)
    probability = expit(scores)
    return {
        "roc_auc": float(_scikit_learn().roc_auc_score(labels, scores)),
        "pr_auc": float(_scikit_learn().average_precision_score(labels, scores)),
        "accuracy": float(_scikit_learn().accuracy_score(labels, predicted)),
        "f1": float(_scikit_learn().f1_score(labels, predicted, zero_division=0.0)),
        # From the logit itself: the log of a probability that rounds to 0 or 1 would be infinite.
        "loss": float(np.logaddexp(0.0, np.where(labels == 1, -scores, scores)).mean()),
        "brier": float(_scikit_learn().brier_score_loss(labels, probability)),
        "calibration_error": calibration_error(probability, labels),
    }


def calibration_error(probability: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error (Naeini et al. 2015) of probabilities (examples,) of class 1.

    The mean over examples of |share of class 1 - mean probability| in their bin, of ten equal bins.
    """
    counts, predicted, observed = calibration(probability, labels)
    return float((counts * np.abs(observed - predicted)).sum() / counts.sum())


def calibration(probability: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, per bin of probability that is not empty, count, mean probability and share of class 1."""
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    filled = counts > 0
    predicted, observed = (
        np.bincount(bins, values, minlength=CALIBRATION_BINS)[filled] / counts[filled]
        for values in (probability, labels)
    )
    return counts[filled], predicted, observed


def classes(logits: np.ndarray) -> np.ndarray:
    """Return predicted classes (...) of logits (..., classes or 1)."""
    return (logits[..., 0] > 0).astype(int) if logits.shape[-1] == 1 else logits.argmax(axis=-1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return probabilities (..., classes) of logits (..., classes or 1)."""
    from scipy.special import expit, softmax

    exact = logits.astype(np.float64)
    if logits.shape[-1] > 1:
        return softmax(exact, axis=-1)
    return np.concatenate([expit(-exact), expit(exact)], axis=-1)


def score(metric: str, logits: np.ndarray, labels: np.ndarray) -> float:
    """Return one metric of METRICS."""
    if metric == "accuracy":
        return float((classes(logits) == labels).mean())
    return float(_scikit_learn().roc_auc_score(labels, logits[:, 0]))


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count examples by (true class, predicted class): (classes, classes)."""
    known = np.arange(max(2, logits.shape[1]))
    return _scikit_learn().confusion_matrix(labels, classes(logits), labels=known)


def per_class(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of every class, (classes,) each; NaN where there is nothing to divide by."""
    known = np.arange(max(2, logits.shape[1]))
    scores = _scikit_learn().precision_recall_fscore_support(
        labels, classes(logits), labels=known, zero_division=np.nan
    )
    return scores[:3]


def _scikit_learn() -> ModuleType:
    """Return scikit-learn's metrics, imported without pandas: a quarter of what that takes, for tables alone."""
    with imports.without(["pandas"]):
        from sklearn import metrics
    return metrics
