"""What follows the product with a kernel, activations and biases, as PyTorch has them by default."""

import torch
from torch import nn
from torch.nn import functional

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.common import apply
from twotrack.torch_track.defaults.registry import DEFAULTS
from twotrack.torch_track.layers import activation


@DEFAULTS.measures
def leaky_relu_slope() -> Measured:
    """nn.LeakyReLU and its function."""
    x, minus = samples.normal(8), torch.tensor(-1.0)
    values = {"layer": -nn.LeakyReLU()(minus).item(), "function": -functional.leaky_relu(minus).item()}
    return Measured(values, apply(nn.LeakyReLU(), x), apply(activation("leaky_relu", 8), x))


@DEFAULTS.measures
def prelu_alpha() -> Measured:
    """nn.PReLU on 5 units."""
    x, layer = samples.normal(4, 5), nn.PReLU()
    values = {"alpha at the start": layer.weight[0].item(), "alphas for 5 units": layer.weight.numel()}
    return Measured(values, apply(layer, x), apply(activation("prelu", 5), x))


@DEFAULTS.measures
def gelu() -> Measured:
    """nn.GELU."""
    return Measured({"gelu(1)": nn.GELU()(torch.tensor(1.0))}, apply(nn.GELU(), samples.normal(8)))


@DEFAULTS.measures
def bert_gelu() -> Measured:
    """The activation that transformers' BertConfig names."""
    from transformers import BertConfig
    from transformers.activations import ACT2FN

    function = ACT2FN[BertConfig().hidden_act]
    return Measured({"gelu(1)": function(torch.tensor(1.0))}, apply(function, samples.normal(8)))


@DEFAULTS.measures
def elu_and_hard_sigmoid() -> Measured:
    """nn.ELU and nn.Hardsigmoid."""
    x, unit = samples.normal(8), torch.tensor(1.0)
    values = {"elu(-1)": nn.ELU()(-unit), "hard_sigmoid(1)": nn.Hardsigmoid()(unit)}
    return Measured(values, [apply(nn.ELU(), x), apply(nn.Hardsigmoid(), x)])


@DEFAULTS.measures
def derivative_at_zero() -> Measured:
    """Derivatives where there is none, PReLU with an alpha of 0.25."""
    return Measured({"ReLU": _derivative(nn.ReLU()), "PReLU": _derivative(nn.PReLU(init=0.25))})


@DEFAULTS.measures
def leaky_derivative_at_zero() -> Measured:
    """Derivative of a leaky ReLU with a slope of 0.01 at 0."""
    return Measured({"leaky ReLU": _derivative(nn.LeakyReLU(0.01))})


def _derivative(layer: nn.Module) -> float:
    x = torch.zeros(1, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x), x)
    return gradient.item()


@DEFAULTS.measures
def biases() -> Measured:
    """Whether layers have a bias."""
    return Measured({"dense": nn.Linear(2, 3).bias is not None, "convolution": nn.Conv2d(2, 4, 3).bias is not None})
