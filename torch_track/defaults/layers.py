"""The remaining layers as PyTorch has them by default."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.common import apply, to_numpy, to_tensor
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def resizing() -> Measured:
    """Bilinear interpolation from 6 x 6 to 3 x 3."""
    smaller = functional.interpolate(to_tensor(samples.IMAGE), size=(3, 3), mode="bilinear")
    smooth = functional.interpolate(to_tensor(samples.IMAGE), size=(3, 3), mode="bilinear", antialias=True)
    return Measured({"smooths before it shrinks": torch.allclose(smaller, smooth)}, to_numpy(smaller))


@DEFAULTS.measures
def dropout_rate() -> Measured:
    """The rate of nn.Dropout that is told none."""
    return Measured({"default": nn.Dropout().p})


@DEFAULTS.measures
def dropout_masks() -> Measured:
    """nn.Dropout on ones, after seed 0."""
    torch.manual_seed(0)
    kept = apply(nn.Dropout(0.5), np.ones(64, np.float32))
    return Measured({"what is kept, rate 0.5": kept.max()}, kept)


@DEFAULTS.measures
def fused_activation() -> Measured:
    """nn.Linear has none."""
    return Measured({"dense layer takes an activation": hasattr(nn.Linear(1, 1), "activation")})


@DEFAULTS.measures
def layer_order() -> Measured:
    """nn.ReLU and nn.AvgPool1d of two steps, and nn.ReLU and a sum."""
    relu, mean, steps = nn.ReLU(), nn.AvgPool1d(2), torch.tensor([[[-1.0, 1.0]]])
    one, less = torch.ones(1), torch.full((1,), -2.0)
    values = {
        "mean of relu of -1 and 1": mean(relu(steps)),
        "relu of their mean": relu(mean(steps)),
        "relu(1 - 2)": relu(one + less),
        "1 + relu(-2)": one + relu(less),
    }
    return Measured({name: value.item() for name, value in values.items()})
