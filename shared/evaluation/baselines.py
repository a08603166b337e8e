"""Models of other kinds from scikit-learn, fitted on the same inputs, to read a chapter's scores against."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from twotrack.shared.datasets import texts
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.spec.inputs import ONLY, Inputs


def _tfidf() -> TfidfVectorizer:
    """Words and pairs of words that occur twice, counted by their logarithm."""
    return TfidfVectorizer(
        preprocessor=lambda text: texts.plain(text).lower(), ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )


MODELS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "logistic_regression": lambda: LogisticRegression(max_iter=1000),
        "gradient_boosting": lambda: GradientBoostingClassifier(random_state=0),
        "tfidf_logistic_regression": lambda: make_pipeline(_tfidf(), LogisticRegression(C=10, max_iter=1000)),
    }
)
"""With scikit-learn's own hyperparameters, where a line above does not say otherwise. The last one reads texts."""


def scores(names: Sequence[str], dataset: Dataset, examples: int | None) -> dict[str, dict[str, float]]:
    """Fit each model on the training split, or its first `examples`; return its metrics on the test split."""
    train = dataset.train.first(examples) if examples else dataset.train
    inputs, test = _readable(dataset, train.inputs), _readable(dataset, dataset.test.inputs)
    by_model = {}
    for name in names:
        fitted = MODELS[name]().fit(inputs, train.labels)
        by_model[name] = metrics.evaluate(fitted.decision_function(test)[:, None], dataset.test.labels)
    return by_model


def _readable(dataset: Dataset, stored: Inputs) -> np.ndarray | list[str]:
    """Return texts as they are, everything else as the tracks' models get it, in one table."""
    only = stored.get(ONLY)
    return only.tolist() if only is not None and texts.is_text(only) else dataset.preparation.table(stored)
