"""Where a network beats logistic regression on the purchases of CDNOW: python -m tests.benchmarks.purchases RUN...

RUN: run folders of `twotrack compare CHAPTER --source cdnow`. Each line: test ROC AUC, and the difference from logistic
regression on all months, seed 0 of each track, with its 95 % interval over the test customers.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from twotrack.shared import datasets
from twotrack.shared.datasets import cdnow
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation.statistics import score, score_difference
from twotrack.shared.runs import run_folder
from twotrack.shared.spec.inputs import Inputs

View = Callable[[Dataset, Inputs], np.ndarray]


def december(dataset: Dataset, stored: Inputs) -> np.ndarray:
    """Return the last month (customers, feature 5)."""
    prepared = dataset.prepare(stored)
    return prepared["months"][np.arange(len(prepared["mask"])), prepared["mask"].sum(axis=1) - 1]


def all_months(dataset: Dataset, stored: Inputs) -> np.ndarray:
    """Return all months side by side, and which are real (customers, 72)."""
    return dataset.preparation.table(stored)


def totals(dataset: Dataset, stored: Inputs) -> np.ndarray:
    """Return logarithms of totals and of months since the last, and months since the first (customers, 5)."""
    bought = stored["months"][..., :3].sum(axis=1)
    since_first, since_last = (
        stored["months"][np.arange(len(bought)), stored["mask"].sum(axis=1) - 1, column] for column in (3, 4)
    )
    return np.column_stack([np.log1p(bought), np.log1p(since_last), since_first / 12])


def fitted(model: object, view: View, dataset: Dataset) -> np.ndarray:
    """Return the logits (1, test customers, 1) of a model of scikit-learn on what the view shows."""
    model.fit(view(dataset, dataset.train.inputs), dataset.train.labels)
    return model.decision_function(view(dataset, dataset.test.inputs))[np.newaxis, :, np.newaxis]


def main() -> None:
    dataset = datasets.load("telco_monthly", cdnow.source())
    labels = dataset.test.labels
    reference = fitted(LogisticRegression(max_iter=1000), all_months, dataset)
    logits = {
        "logistic regression, last month": fitted(LogisticRegression(max_iter=1000), december, dataset),
        "logistic regression, all months": reference,
        "logistic regression, totals": fitted(LogisticRegression(max_iter=1000), totals, dataset),
        "gradient boosting, all months": fitted(HistGradientBoostingClassifier(random_state=0), all_months, dataset),
    }
    for folder in sys.argv[1:]:
        run = run_folder.read(Path(folder))
        logits[f"{run.record.job.chapter}, {run.record.job.track}"] = run.logits[np.newaxis]
    for name, of_model in logits.items():
        found, above = (
            score("roc_auc", of_model, labels),
            score_difference("roc_auc", of_model, reference, labels),
        )
        print(f"{name:<36} {found.value:.4f}  {above.value:+.4f} [{above.low:+.4f}, {above.high:+.4f}]")


if __name__ == "__main__":
    main()
