"""Models of other kinds from scikit-learn, fitted on the same inputs, to read a chapter's scores against."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from shared import metrics
from shared.datasets.spec import Dataset

MODELS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "logistic_regression": lambda: LogisticRegression(max_iter=1000),
        "gradient_boosting": lambda: GradientBoostingClassifier(random_state=0),
    }
)
"""With scikit-learn's own hyperparameters."""


def scores(names: Sequence[str], dataset: Dataset, examples: int | None) -> dict[str, dict[str, float]]:
    """Fit each model on the training split, or its first `examples`; return its metrics on the test split."""
    train = dataset.train.first(examples) if examples else dataset.train
    inputs, test = dataset.prepare(train.inputs), dataset.prepare(dataset.test.inputs)
    found = {}
    for name in names:
        fitted = MODELS[name]().fit(inputs, train.labels)
        found[name] = metrics.evaluate(fitted.decision_function(test)[:, None], dataset.test.labels)
    return found
