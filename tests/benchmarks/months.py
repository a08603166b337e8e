"""What twelve reconstructed months tell of churn, by an LSTM (64 units, 2 layers): python -m tests.benchmarks.months

Each line: mean test ROC AUC over five seeds, its standard deviation and the smallest of the five.
"""

import statistics
from collections.abc import Callable

import numpy as np
import torch

from twotrack.shared.datasets import telco_monthly
from twotrack.shared.datasets.files import Source
from twotrack.shared.datasets.monthly import FEATURES
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.evaluation.statistics import score, score_difference

SEEDS, STEPS, BATCH_SIZE = 5, 600, 64
LEARNING_RATE, DROPOUT = 3e-3, 0.3

Sequences = tuple[torch.Tensor, torch.Tensor]
"""Months (customers, month, feature) float32 and how many of them are real (customers,)."""


class ChurnLSTM(torch.nn.Module):
    """Months (batch, month, feature) and lengths (batch,) to logits (batch,)."""

    def __init__(self, num_features: int):
        super().__init__()
        self.lstm = torch.nn.LSTM(num_features, 64, num_layers=2, batch_first=True, dropout=DROPOUT)
        self.dropout = torch.nn.Dropout(DROPOUT)
        self.head = torch.nn.Linear(64, 1)

    def forward(self, months: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(months)
        last = outputs[torch.arange(len(months)), lengths - 1]
        return self.head(self.dropout(last))[:, 0]


def all_months(months: np.ndarray, mask: np.ndarray) -> Sequences:
    return torch.from_numpy(months), torch.from_numpy(mask.sum(axis=1))


def last_month(months: np.ndarray, mask: np.ndarray) -> Sequences:
    last = months[np.arange(len(months)), mask.sum(axis=1) - 1]
    return torch.from_numpy(last[:, np.newaxis]), torch.ones(len(months), dtype=torch.int64)


def without(feature: str) -> Callable[[np.ndarray, np.ndarray], Sequences]:
    position = FEATURES.index(feature)
    return lambda months, mask: all_months(np.delete(months, position, axis=2), mask)


def train(sequences: Sequences, labels: np.ndarray, seed: int) -> ChurnLSTM:
    torch.manual_seed(seed)
    months, lengths = sequences
    targets = torch.from_numpy(labels.astype(np.float32))
    model = ChurnLSTM(months.shape[2])
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    whole_epochs = -(-STEPS * BATCH_SIZE // len(labels))
    order = torch.cat([torch.randperm(len(labels)) for _ in range(whole_epochs)])
    for chosen in order.split(BATCH_SIZE)[:STEPS]:
        optimizer.zero_grad()
        logits = model(months[chosen], lengths[chosen])
        torch.nn.functional.binary_cross_entropy_with_logits(logits, targets[chosen]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def predict(dataset: Dataset, view: Callable[[np.ndarray, np.ndarray], Sequences], seed: int) -> np.ndarray:
    """Return the logits (test customers, 1) of a model trained on what the view shows."""
    known, held_out = (view(**dataset.prepare(split.inputs)) for split in (dataset.train, dataset.test))
    return train(known, dataset.train.labels, seed)(*held_out).detach().numpy()[:, np.newaxis]


def main() -> None:
    torch.set_num_threads(1)  # faster than two for matrices this small
    dataset = telco_monthly.read(Source("embedded", telco_monthly.EMBEDDED))
    labels = dataset.test.labels
    views = {"all five": all_months, "last month only": last_month}
    views |= {f"without {feature}": without(feature) for feature in FEATURES}
    logits = {}
    for name, view in views.items():
        logits[name] = np.stack([predict(dataset, view, seed) for seed in range(SEEDS)])
        scores = [metrics.score("roc_auc", one, labels) for one in logits[name]]
        deviation = statistics.stdev(scores)
        print(f"{name:<30} {statistics.mean(scores):.4f}  {deviation:.4f}  {min(scores):.4f}", flush=True)
    of_all, of_last = logits["all five"][:1], logits["last month only"][:1]
    print("seed 0, all five:", score("roc_auc", of_all, labels))
    print("seed 0, all five less last month only:", score_difference("roc_auc", of_all, of_last, labels))


if __name__ == "__main__":
    main()
