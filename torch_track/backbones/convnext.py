"""ConvNeXt in PyTorch. ConvNeXt-Tiny: 27,820,128 parameters, 28,589,128 with the classifier.

Input (batch, channels 3, height, width), output features (batch, 768). Source: Liu et al. 2022. No path is dropped.
"""

from torch import Tensor, nn

from twotrack.shared.weights.pretrained.backbones.convnext import (
    EPSILON,
    PATCH,
    SHRINK,
    WIDENING,
    WINDOW,
    ConvNextArchitecture,
)
from twotrack.torch_track.layers import GlobalAveragePooling2d, LayerScale


def build(architecture: ConvNextArchitecture, num_classes: int) -> nn.Module:
    """Return stem, stages, mean over the places, last normalisation, and the classifier if it has classes."""
    return ConvNext(architecture, num_classes)


class ConvNext(nn.Module):
    """Convolutions and blocks called as in Keras."""

    def __init__(self, architecture: ConvNextArchitecture, num_classes: int):
        super().__init__()
        inputs = architecture.widths[0]
        self.stem_conv = patches(3, inputs, PATCH)
        self.stem_norm = ChannelNorm(inputs, eps=EPSILON)
        self.stages = [f"stage{number}" for number in range(len(architecture.widths))]
        for name, width, depth in zip(self.stages, architecture.widths, architecture.depths, strict=True):
            self.add_module(name, Stage(inputs, width, depth, shrinks=name != "stage0"))
            inputs = width
        self.pool = GlobalAveragePooling2d()
        self.norm = nn.LayerNorm(inputs, eps=architecture.final_epsilon)
        self.classifier = nn.Linear(inputs, num_classes) if num_classes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 3, height, width) to features (batch, 768), or to logits."""
        x = self.stem_norm(self.stem_conv(x))  # (batch, 96, 56, 56)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        x = self.norm(self.pool(x))  # from (batch, 768, 7, 7) to (batch, 768)
        return x if self.classifier is None else self.classifier(x)


class Stage(nn.Module):
    """Blocks of one width, behind patches of half the height and width in all stages but the first."""

    def __init__(self, inputs: int, width: int, depth: int, shrinks: bool):
        super().__init__()
        self.shrinks, self.blocks = shrinks, [str(number) for number in range(depth)]
        if shrinks:
            self.shrink_norm = ChannelNorm(inputs, eps=EPSILON)
            self.shrink_conv = patches(inputs, width, SHRINK)
        for name in self.blocks:
            self.add_module(name, Block(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, width, height, width), or to half the height and width."""
        if self.shrinks:
            x = self.shrink_conv(self.shrink_norm(x))
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        return x


class Block(nn.Module):
    """Filter each channel, then two dense layers at each place, and the input added."""

    def __init__(self, width: int):
        super().__init__()
        self.depthwise_conv = nn.Conv2d(width, width, WINDOW, padding=WINDOW // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.expand = nn.Linear(width, WIDENING * width)
        self.gelu = nn.GELU()
        self.project = nn.Linear(WIDENING * width, width)
        self.scale = LayerScale(width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, width, height, width) to the same shape."""
        x = self.depthwise_conv(inputs).permute(0, 2, 3, 1)  # channels last, as the layers of each place take them
        x = self.project(self.gelu(self.expand(self.norm(x))))
        return self.scale(x).permute(0, 3, 1, 2) + inputs


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each place."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (batch, channels, height, width)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def patches(inputs: int, filters: int, size: int) -> nn.Module:
    """Convolution of patches that lie side by side; rows and columns that fill no patch are left out."""
    return nn.Conv2d(inputs, filters, size, stride=size)
