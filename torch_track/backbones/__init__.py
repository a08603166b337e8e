"""Pretrained image networks in PyTorch: images (batch, 3, height, width), normalised, to features (batch, size)."""

import importlib

from torch import nn

from twotrack.shared.weights.pretrained.backbones import FAMILIES
from twotrack.shared.weights.pretrained.backbones.spec import Backbone


def build(backbone: Backbone, num_classes: int = 0) -> nn.Module:
    """Return the network, with random weights.

    With `num_classes` the published classifier stands behind the features, and the outputs are its logits.
    """
    return importlib.import_module(f"{__name__}.{FAMILIES[backbone.name]}").build(backbone.architecture, num_classes)
