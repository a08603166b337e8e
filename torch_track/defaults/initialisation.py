"""Initial weights that PyTorch draws by default, after seed 0; aligned: drawn in shared code and loaded."""

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.ledger.measured import Measured
from twotrack.shared.weights import initial
from twotrack.torch_track import weights
from twotrack.torch_track.defaults.registry import DEFAULTS


def _load_drawn(layer: nn.Module) -> None:
    model = nn.Sequential(OrderedDict(layer=layer))
    shapes = {name: array.shape for name, array in weights.weights(model, {}).items()}
    weights.load_weights(model, {}, initial.draw(shapes, 0))


def _limit(tensor: Tensor) -> float:
    return float(tensor.abs().max())


def _std(tensor: Tensor) -> float:
    return float(tensor.detach().std(correction=0))


def _kernel_and_bias(layer: nn.Linear | nn.Conv2d) -> Measured:
    std = _std(layer.weight)
    values = {"limit": _limit(layer.weight), "std": std, "biases are drawn": bool(layer.get_parameter("bias").any())}
    _load_drawn(layer)
    return Measured(values, std, _std(layer.weight))


@DEFAULTS.measures
def dense_start() -> Measured:
    """nn.Linear, 512 to 256."""
    torch.manual_seed(0)
    return _kernel_and_bias(nn.Linear(512, 256))


@DEFAULTS.measures
def convolution_start() -> Measured:
    """nn.Conv2d, 3 x 3, 32 to 64."""
    torch.manual_seed(0)
    return _kernel_and_bias(nn.Conv2d(32, 64, 3))


@DEFAULTS.measures
def embedding_start() -> Measured:
    """nn.Embedding, 1000 rows of 64."""
    torch.manual_seed(0)
    layer = nn.Embedding(1000, 64)
    std = _std(layer.weight)
    _load_drawn(layer)
    return Measured({"std": std}, std, _std(layer.weight))


@DEFAULTS.measures
def recurrent_start() -> Measured:
    """nn.LSTM, 16 to 32."""
    torch.manual_seed(0)
    layer = nn.LSTM(16, 32)
    kernel, recurrent, bias = map(layer.get_parameter, ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"))
    first = recurrent.detach().numpy()[:32]  # (units, units) of the first gate
    values = {
        "kernel limit": _limit(kernel),
        "recurrent kernel is orthogonal": bool(np.allclose(first @ first.T, np.eye(32), atol=1e-4)),
        "forget bias is 1": bool((bias[32:64] == 1).all()),
    }
    std = _std(kernel)
    _load_drawn(layer)
    return Measured(values, std, _std(layer.get_parameter("weight_ih_l0")))


@DEFAULTS.measures
def attention_start() -> Measured:
    """nn.MultiheadAttention, 4 heads of 16."""
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(64, 4)
    default = [_limit(layer.in_proj_weight[:64]), _limit(layer.out_proj.weight)]
    _load_drawn(layer)
    aligned = [_limit(layer.in_proj_weight[:64]), _limit(layer.out_proj.weight)]
    return Measured(dict(zip(("query limit", "output limit"), default, strict=True)), default, aligned)
