"""Losses as PyTorch has them by default; metrics, which it does not have."""

import inspect
import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.losses import as_targets
from twotrack.torch_track.defaults.registry import DEFAULTS
from twotrack.torch_track.losses import LOSSES

_LABELS, _LOGITS = torch.from_numpy(samples.LABELS), torch.from_numpy(samples.LOGITS)


@DEFAULTS.measures
def loss_on_logits() -> Measured:
    """nn.CrossEntropyLoss, and what a constant added to its inputs does."""
    loss = nn.CrossEntropyLoss()
    value, shifted = loss(_LOGITS, _LABELS), loss(_LOGITS + 1, _LABELS)
    values = {"takes logits": torch.allclose(value, shifted)}
    return Measured(values, value, LOSSES["cross_entropy"](_LOGITS, _LABELS))


@DEFAULTS.measures
def label_smoothing() -> Measured:
    """nn.CrossEntropyLoss on integer labels; aligned: with a smoothing of 0.1."""
    smoothed = nn.CrossEntropyLoss(label_smoothing=0.1)(_LOGITS, _LABELS)
    takes = "label_smoothing" in inspect.signature(nn.CrossEntropyLoss).parameters
    values = {"default": nn.CrossEntropyLoss().label_smoothing, "for integer labels": takes}
    return Measured(values, aligned=smoothed)


@DEFAULTS.measures
def class_weights() -> Measured:
    """nn.CrossEntropyLoss with weights 1 and 4, on an example of each class that loses log 2."""
    weight, equal, labels = torch.tensor([1.0, 4.0]), torch.zeros(2, 2), torch.tensor([0, 1])
    mean = nn.CrossEntropyLoss(weight=weight)(equal, labels)
    by_count = nn.CrossEntropyLoss(weight=weight, reduction="sum")(equal, labels) / len(labels)
    return Measured({"weights 1 and 4, losses over log 2": mean / np.log(2)}, mean, by_count)


@DEFAULTS.measures
def saturated_bce() -> Measured:
    """nn.BCELoss where the probability of the true class is 0; aligned: on a logit of -50."""
    loss = nn.BCELoss()(torch.zeros(1, 1), torch.ones(1, 1))
    aligned = LOSSES["binary_cross_entropy"](torch.full((1, 1), -50.0), torch.ones(1, 1))
    return Measured({"largest loss": loss}, loss, aligned)


@DEFAULTS.measures
def kl_divergence() -> Measured:
    """nn.KLDivLoss on (4, 3); aligned: reduction batchmean."""
    p, q = torch.softmax(_LOGITS, -1), torch.softmax(_LOGITS.flip(1), -1)
    total = functional.kl_div(q.log(), p, reduction="sum")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends batchmean itself
        mean = nn.KLDivLoss()(q.log(), p)
    return Measured(
        {"the sum over (4, 3) is divided by": total / mean}, mean, nn.KLDivLoss(reduction="batchmean")(q.log(), p)
    )


@DEFAULTS.measures
def squared_error_shapes() -> Measured:
    """nn.MSELoss of (4, 1) that equal (4,); aligned: labels as the harness shapes them."""
    labels = np.arange(4)
    outputs = torch.arange(4.0)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of the broadcast
        loss = nn.MSELoss()(outputs, torch.from_numpy(labels).float())
    aligned = LOSSES["mean_squared_error"](outputs, _targets(labels))
    return Measured({"loss of outputs that are right": loss}, loss, aligned)


def _targets(labels: np.ndarray) -> Tensor:
    return torch.from_numpy(as_targets("mean_squared_error", labels))


@DEFAULTS.measures
def auc() -> Measured:
    """There is no metric in torch; scikit-learn computes it."""
    from sklearn.metrics import roc_auc_score  # a second, which only this measurement should take

    exact = float(roc_auc_score(samples.POSITIVE, samples.SCORES))
    return Measured({"area": exact}, exact)
