"""ROC AUC of one set of models on many resamples of their test examples, without sorting anew for each."""

import numpy as np

RESAMPLES = 1000
_AT_ONCE = 100
"""Resamples in memory at a time."""


def bootstrap(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ROC AUC (seeds, 1 + resamples) of logits (seeds, examples, 1): observed, then of resampled examples.

    Examples are resampled within their class, the same ones in every call with the same labels, so that differences
    of two calls are paired.
    """
    weights = np.concatenate([np.ones((1, len(labels)), np.int32), _resample(labels)])
    parts = [weights[start : start + _AT_ONCE] for start in range(0, len(weights), _AT_ONCE)]
    return np.stack(
        [np.concatenate([_area(seed_logits[:, 0], labels, part) for part in parts]) for seed_logits in logits]
    )


def _resample(labels: np.ndarray) -> np.ndarray:
    """Return how often each example is drawn: (resamples, examples)."""
    generator, counts = np.random.default_rng(0), np.zeros((RESAMPLES, len(labels)), np.int32)
    rows = np.arange(RESAMPLES)[:, np.newaxis]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn = generator.integers(len(members), size=(RESAMPLES, len(members)))
        times = np.bincount((rows * len(members) + drawn).ravel(), minlength=RESAMPLES * len(members))
        counts[:, members] = times.reshape(RESAMPLES, len(members))
    return counts


def _area(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ROC AUC (resamples,) of scores (examples,), each example counted `weights` (resamples, examples) times.

    The share of pairs of one example from each class that the scores rank rightly; a tie counts half.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sums = [
        np.add.reduceat((weights * (labels == label))[:, order], starts, axis=1, dtype=np.float64) for label in (1, 0)
    ]
    positive, negative = sums
    below = negative.cumsum(axis=1) - negative / 2
    return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
