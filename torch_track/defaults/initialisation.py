"""Initial weights that PyTorch draws by default: limits and standard deviations, of many numbers after seed 0."""

import numpy as np
import torch
from torch import Tensor, nn

from shared.differences.measured import Measured


def _limit(tensor: Tensor) -> float:
    return float(tensor.abs().max())


def _std(tensor: Tensor) -> float:
    return float(tensor.detach().std())


def dense_start() -> Measured:
    """nn.Linear, 512 to 256."""
    torch.manual_seed(0)
    layer = nn.Linear(512, 256)
    kernel, bias = _std(layer.weight), bool(layer.bias.any())
    return Measured({"limit": _limit(layer.weight), "std": kernel, "biases are drawn": bias}, kernel)


def convolution_start() -> Measured:
    """nn.Conv2d, 3 x 3, 32 to 64."""
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 64, 3)
    kernel, bias = _std(layer.weight), bool(layer.bias.any())
    return Measured({"limit": _limit(layer.weight), "std": kernel, "biases are drawn": bias}, kernel)


def embedding_start() -> Measured:
    """nn.Embedding, 1000 rows of 64."""
    torch.manual_seed(0)
    std = _std(nn.Embedding(1000, 64).weight)
    return Measured({"std": std}, std)


def recurrent_start() -> Measured:
    """nn.LSTM, 16 to 32."""
    torch.manual_seed(0)
    layer = nn.LSTM(16, 32)
    recurrent = layer.weight_hh_l0.detach().numpy().T[:, :32]  # (units, units) of the first gate
    std = _std(layer.weight_ih_l0)
    return Measured(
        {
            "kernel limit": _limit(layer.weight_ih_l0),
            "recurrent kernel is orthogonal": bool(np.allclose(recurrent.T @ recurrent, np.eye(32), atol=1e-4)),
            "forget bias is 1": bool((layer.bias_ih_l0[32:64] == 1).all()),
        },
        std,
    )


def attention_start() -> Measured:
    """nn.MultiheadAttention, 4 heads of 16."""
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(64, 4)
    limits = {"query limit": _limit(layer.in_proj_weight[:64]), "output limit": _limit(layer.out_proj.weight)}
    return Measured(limits, list(limits.values()))
