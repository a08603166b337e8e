"""A pretrained image network with a new head in PyTorch. With EfficientNet-Lite0 3,377,413 parameters.

Input images (batch, channels 3, 96, 96), normalised, output logits (batch, classes 5).
Source: EfficientNet: Tan and Le 2019; ResNet: He et al. 2016; ViT: Dosovitskiy et al. 2021.
"""

from torch import Tensor, nn

from twotrack.shared.chapters.shop_transfer import Config, backbone
from twotrack.torch_track import backbones
from twotrack.torch_track.layers import head


def build(config: Config) -> nn.Module:
    """Return the network."""
    return ShopTransfer(config)


class ShopTransfer(nn.Module):
    """head(base(images))."""

    def __init__(self, config: Config):
        super().__init__()
        chosen = backbone(config)
        self.base = backbones.build(chosen)
        self.head = head(chosen.feature_size, config.num_classes, config.dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, channels 3, size, size) to logits (batch, classes)."""
        features = self.base(images)  # (batch, 1280)
        return self.head(features)
