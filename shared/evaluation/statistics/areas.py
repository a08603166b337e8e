"""ROC AUC of one set of models on many resamples of their test examples, without sorting anew for each."""

from functools import lru_cache

import numpy as np

RESAMPLES = 1000
_AT_ONCE = 100
"""Resamples in memory at a time."""


def bootstrap(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ROC AUC (seeds, 1 + resamples) of logits (seeds, examples, 1): observed, then of resampled examples.

    Examples are resampled within their class, the same ones in every call with the same labels, so that differences
    of two calls are paired.
    """
    known = labels.astype(np.int64).tobytes()
    return np.stack([_of_seed(one[:, 0].astype(np.float64).tobytes(), known) for one in logits])


@lru_cache(maxsize=1000)
def _of_seed(scores: bytes, labels: bytes) -> np.ndarray:
    """Return a model's areas (1 + resamples,); kept, as it is compared with every other."""
    own, known = np.frombuffer(scores), np.frombuffer(labels, np.int64)
    weights = _resample(labels)
    return np.concatenate(
        [_area(own, known, weights[start : start + _AT_ONCE]) for start in range(0, len(weights), _AT_ONCE)]
    )


@lru_cache(maxsize=1)
def _resample(labels: bytes) -> np.ndarray:
    """Return how often each example counts: (1 + resamples, examples), once each in the first row."""
    known = np.frombuffer(labels, np.int64)
    generator, counts = np.random.default_rng(0), np.zeros((RESAMPLES, len(known)), np.int32)
    rows = np.arange(RESAMPLES)[:, np.newaxis]
    for label in np.unique(known):
        members = np.flatnonzero(known == label)
        drawn = generator.integers(len(members), size=(RESAMPLES, len(members)))
        times = np.bincount((rows * len(members) + drawn).ravel(), minlength=RESAMPLES * len(members))
        counts[:, members] = times.reshape(RESAMPLES, len(members))
    return np.concatenate([np.ones((1, len(known)), np.int32), counts])


def _area(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ROC AUC (resamples,) of scores (examples,), each example counted `weights` (resamples, examples) times.

    The share of pairs of one example from each class that the scores rank rightly; a tie counts half.
    """
    positive, negative = (np.flatnonzero(labels == label) for label in (1, 0))
    negative = negative[np.argsort(scores[negative])]
    counted = np.zeros((len(weights), len(negative) + 1), np.int64)  # of the lowest so many negatives
    weights[:, negative].cumsum(axis=1, out=counted[:, 1:])
    below, up_to = (np.searchsorted(scores[negative], scores[positive], side) for side in ("left", "right"))
    of_positive = weights[:, positive]
    ranked = (of_positive * (counted[:, below] + counted[:, up_to])).sum(axis=1) / 2
    return ranked / (of_positive.sum(axis=1, dtype=np.float64) * counted[:, -1])
