"""Clipping as PyTorch has it by default, of given gradients."""

from math import sqrt

import torch
from torch import nn, optim

from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec import optimizers as specs
from twotrack.shared.spec.update_options import ClipGlobalNorm
from twotrack.torch_track import optimizers
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def clipping() -> Measured:
    """Joint norm of two gradients of norm 1 after clip_grad_norm_ to 1."""
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    for parameter in parameters:
        parameter.grad = torch.ones(1)
    nn.utils.clip_grad_norm_(parameters, 1.0)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    return Measured({"norm of both after clipping to 1": norm}, norm)


@DEFAULTS.measures
def clipping_epsilon() -> Measured:
    """A gradient as small as the limit and as torch's epsilon; aligned: without epsilon."""
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.full((1,), 1e-6)
    nn.utils.clip_grad_norm_([parameter], 1e-6)
    clipped = float(parameter.grad)
    ours = nn.Parameter(torch.zeros(1))
    optimizer = optimizers.build(specs.SGD(1.0, clip=ClipGlobalNorm(1e-6)), [1.0], [ours])
    ours.grad = torch.full((1,), 1e-6)
    optimizer.step()
    values = {"gradient of 1e-6 after clipping to 1e-6": clipped}
    return Measured(values, clipped / 1e-6, -float(ours.detach()) / 1e-6)


@DEFAULTS.measures
def clipping_and_decay() -> Measured:
    """Whether a weight of 100 with a decay of 1 moves by more than the limit, which clips its gradient."""
    parameter = nn.Parameter(torch.full((1,), 100.0))
    optimizer = optim.SGD([parameter], lr=0.1, weight_decay=1.0)
    parameter.grad = torch.ones(1)
    nn.utils.clip_grad_norm_([parameter], 1.0)
    optimizer.step()
    return Measured({"decay is clipped": float(parameter.detach()) > 99.0})
