"""Normalisation layers as PyTorch has them by default."""

import numpy as np
import torch
from torch import nn

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured
from twotrack.torch_track.defaults.common import apply
from twotrack.torch_track.defaults.registry import DEFAULTS, LAYERS
from twotrack.torch_track.freezing import FROZEN, train_mode
from twotrack.torch_track.layers import BatchNorm2d


@DEFAULTS.measures
def layer_norm_epsilon() -> Measured:
    """nn.LayerNorm on small numbers."""
    layer = nn.LayerNorm(8)
    return Measured({"epsilon": layer.eps}, apply(layer, samples.SMALL))


@DEFAULTS.measures
def group_norm_epsilon() -> Measured:
    """nn.GroupNorm on small numbers."""
    layer = nn.GroupNorm(2, 8)
    return Measured({"epsilon": layer.eps}, apply(layer, samples.SMALL))


@DEFAULTS.measures
def batch_norm_epsilon() -> Measured:
    """nn.BatchNorm2d in training on small images."""
    layer = nn.BatchNorm2d(2)
    return Measured({"epsilon": layer.eps}, apply(layer, samples.IMAGE * np.float32(0.03)))


@DEFAULTS.measures
def batch_norm_momentum() -> Measured:
    """Running mean of nn.BatchNorm2d after one batch."""
    layer = nn.BatchNorm2d(2)
    apply(layer, samples.IMAGE)
    return Measured({"momentum": layer.momentum or 0.0}, _running_mean(layer))


@DEFAULTS.measures
def batch_norm_variance() -> Measured:
    """Running variance of nn.BatchNorm2d that keeps the last batch's alone."""
    layers = (nn.BatchNorm2d(2, momentum=1.0), BatchNorm2d(2, momentum=1.0))
    for layer in layers:
        apply(layer, samples.IMAGE)
    variance, of_aligned = (layer.get_buffer("running_var").numpy() for layer in layers)
    ratio = variance / samples.IMAGE.var(axis=(0, 1, 2))
    return Measured({"over the biased variance, 36 values": ratio[0]}, variance, of_aligned)


@LAYERS.switches(batch_norm_variance)
def switch_batch_norm_variance(module: nn.Module) -> bool:
    """Average the unbiased variance: nn.BatchNorm2d in the place of twotrack.torch_track.layers.BatchNorm2d."""
    aligned = [(path, layer) for path, layer in module.named_modules() if type(layer) is BatchNorm2d]
    for path, layer in aligned:
        plain = nn.BatchNorm2d(layer.num_features, eps=layer.eps, momentum=layer.momentum).to(layer.weight.device)
        plain.load_state_dict(layer.state_dict())
        module.set_submodule(path, plain)
    return bool(aligned)


@DEFAULTS.measures
def frozen_batch_norm() -> Measured:
    """Running mean of a batch normalisation that takes no gradient, after one batch in training mode."""
    plain, aligned = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    setattr(aligned, FROZEN, True)
    plain.requires_grad_(False).train()
    train_mode(aligned)
    for layer in (plain, aligned):
        apply(layer, samples.IMAGE)
    mean, of_aligned = _running_mean(plain), _running_mean(aligned)
    return Measured({"statistics move": bool(np.abs(mean).max() > 0)}, mean, of_aligned)


def _running_mean(layer: nn.BatchNorm2d) -> np.ndarray:
    return layer.get_buffer("running_mean").numpy()


@DEFAULTS.measures
def spectral_normalization() -> Measured:
    """nn.utils.parametrizations.spectral_norm of an nn.Linear whose kernel has a norm of 3."""
    layer, x, kernel = nn.Linear(2, 2, bias=False), np.ones((1, 2), np.float32), 3 * np.eye(2, dtype=np.float32)
    layer.weight.data = torch.from_numpy(kernel.copy())
    nn.utils.parametrizations.spectral_norm(layer)
    divides = not np.allclose(layer.eval()(torch.from_numpy(x)).detach().numpy(), x @ kernel.T)
    apply(layer, x)
    kept = layer.get_parameter("parametrizations.weight.original").detach().numpy()
    return Measured(
        {
            "divides outside of training": divides,
            "a pass in training changes the kernel": not np.allclose(kept, kernel),
        }
    )
