"""What weighs in losses of PyTorch by default."""

from math import log

import torch
from torch import nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def sample_weights() -> Measured:
    """nn.functional.binary_cross_entropy with a weight for each example, over log 2."""
    half, weights = torch.full((2,), 0.5), torch.tensor([1.0, 4.0])
    mean = functional.binary_cross_entropy(half, torch.ones(2), weights).item() / log(2)
    return Measured({"weights 1 and 4 of errors 1 and 1": mean}, mean)


@DEFAULTS.measures
def masked_loss() -> Measured:
    """nn.L1Loss of two steps; aligned: of the first alone."""
    steps = torch.tensor([[1.0, 3.0]])
    mean, first = nn.L1Loss()(steps, torch.zeros(1, 2)), nn.L1Loss()(steps[:, :1], torch.zeros(1, 1))
    return Measured({"loss of steps with errors 1 and 3, the second padded": mean}, mean, first)


@DEFAULTS.measures
def smoothed_class_weights() -> Measured:
    """nn.functional.cross_entropy with weights and smoothing; aligned: the smoothed losses times the weights."""
    x, y, weight = torch.from_numpy(samples.LOGITS), torch.from_numpy(samples.LABELS), torch.tensor([0.4, 1.0, 3.0])
    found = functional.cross_entropy(x, y, weight, label_smoothing=0.1, reduction="sum") / len(y)
    whole = (functional.cross_entropy(x, y, label_smoothing=0.1, reduction="none") * weight[y]).mean()
    return Measured({"whole rows are weighed": bool(torch.isclose(found, whole))}, found, whole)


@DEFAULTS.measures
def ctc_lengths() -> Measured:
    """nn.CTCLoss of one example with two labels; aligned: the sum over the number of examples."""
    log_p = torch.log_softmax(torch.from_numpy(samples.normal(6, 1, 4)), -1)
    arguments = log_p, torch.tensor([[1, 2]]), torch.tensor([6]), torch.tensor([2])
    mean, total = nn.CTCLoss()(*arguments), nn.CTCLoss(reduction="sum")(*arguments)
    return Measured({"the sum of two labels' is divided by": total / mean}, mean, total)


@DEFAULTS.measures
def cosine_similarity() -> Measured:
    """nn.CosineEmbeddingLoss of a vector with itself; aligned: minus the similarity."""
    x = torch.from_numpy(samples.normal(1, 4))
    loss = nn.CosineEmbeddingLoss()(x, x, torch.ones(1))
    return Measured({"loss of equal vectors": loss}, loss, -functional.cosine_similarity(x, x).mean())


@DEFAULTS.measures
def categorical_hinge() -> Measured:
    """nn.MultiMarginLoss; aligned: the largest other score, and 0."""
    x = torch.tensor([[0.0, -2.0, -4.0]])
    loss = nn.MultiMarginLoss()(x, torch.tensor([1]))
    others = x[:, [0, 2]].amax(-1).clamp(min=0)
    return Measured({"loss of scores 0, -2, -4 of class 1": loss}, loss, (1 + others - x[:, 1]).relu().mean())


@DEFAULTS.measures
def poisson_rates() -> Measured:
    """nn.PoissonNLLLoss; aligned: of rates, with the epsilon of Keras."""
    x, y = torch.from_numpy(samples.LOGITS), torch.ones(4, 3)
    loss = nn.PoissonNLLLoss()(x, y)
    of_logarithms = (x.exp() - y * x).mean()
    aligned = nn.PoissonNLLLoss(log_input=False, eps=1e-7)(x, y)
    return Measured({"takes logarithms": bool(torch.isclose(loss, of_logarithms))}, loss, aligned)


@DEFAULTS.measures
def dice_smooth() -> Measured:
    """torch has none."""
    return Measured({"exists": hasattr(nn, "DiceLoss") or hasattr(functional, "dice_loss")})
