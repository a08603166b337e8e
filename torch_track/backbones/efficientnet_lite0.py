"""EfficientNet-Lite0 in PyTorch. 3,371,008 parameters, 4,652,008 with the classifier.

Input (batch, channels 3, height, width), output features (batch, 1280). Source: Tan and Le 2019.
"""

from torch import Tensor, nn
from torch.nn import functional

from twotrack.shared.weights.pretrained.backbones.efficientnet_lite0 import (
    EPSILON,
    KEPT,
    Block,
    EfficientNetLite0Architecture,
)
from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d


def build(architecture: EfficientNetLite0Architecture, num_classes: int) -> nn.Module:
    """Return stem, blocks, head and mean over the places; behind them the classifier if it has classes."""
    return EfficientNetLite(architecture, num_classes)


class EfficientNetLite(nn.Module):
    """Convolutions and blocks called as in Keras."""

    def __init__(self, architecture: EfficientNetLite0Architecture, num_classes: int):
        super().__init__()
        self.stem_conv = conv(3, architecture.stem_filters, 3, 2)
        self.stem_bn = norm(architecture.stem_filters)
        self.stem_relu6 = nn.ReLU6()
        self.blocks = [f"block{number}" for number in range(len(architecture.blocks))]
        for name, spec in zip(self.blocks, architecture.blocks, strict=True):
            self.add_module(name, Bottleneck(spec))
        self.head_conv = conv(architecture.blocks[-1].outputs, architecture.feature_size, 1, 1)
        self.head_bn = norm(architecture.feature_size)
        self.head_relu6 = nn.ReLU6()
        self.pool = GlobalAveragePooling2d()
        self.classifier = nn.Linear(architecture.feature_size, num_classes) if num_classes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 3, height, width) to features (batch, 1280), or to logits."""
        x = self.stem_relu6(self.stem_bn(self.stem_conv(x)))  # (batch, 32, 112, 112)
        for name in self.blocks:
            x = self.get_submodule(name)(x)  # last: (batch, 320, 7, 7)
        x = self.head_relu6(self.head_bn(self.head_conv(x)))
        x = self.pool(x)  # (batch, 1280)
        return x if self.classifier is None else self.classifier(x)


class Bottleneck(nn.Module):
    """Widen, filter each channel, narrow; add the input where shapes allow it."""

    def __init__(self, spec: Block):
        super().__init__()
        wide = spec.inputs * spec.expansion
        self.widens, self.is_residual = spec.expansion != 1, spec.is_residual
        if self.widens:
            self.expand_conv = conv(spec.inputs, wide, 1, 1)
            self.expand_bn = norm(wide)
            self.expand_relu6 = nn.ReLU6()
        self.depthwise_conv = SameConv2d(wide, wide, spec.kernel_size, stride=spec.stride, groups=wide, bias=False)
        self.depthwise_bn = norm(wide)
        self.depthwise_relu6 = nn.ReLU6()
        self.project_conv = conv(wide, spec.outputs, 1, 1)
        self.project_bn = norm(spec.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, outputs, height / stride, width / stride), rounded up."""
        x = inputs
        if self.widens:
            x = self.expand_relu6(self.expand_bn(self.expand_conv(x)))
        x = self.depthwise_relu6(self.depthwise_bn(self.depthwise_conv(x)))
        x = self.project_bn(self.project_conv(x))
        return x + inputs if self.is_residual else x


class SameConv2d(nn.Conv2d):
    """Convolution padded as "same" is in Keras: size / stride places, rounded up; an odd row of zeros stands behind."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (batch, channels, height, width)."""
        pads = [self._pads(x.shape[axis], axis - 2) for axis in (3, 2)]  # torch names the last axis first
        return super().forward(functional.pad(x, [*pads[0], *pads[1]]))

    def _pads(self, size: int, axis: int) -> tuple[int, int]:
        kernel_size, stride = self.kernel_size[axis], self.stride[axis]
        pad = max((-(-size // stride) - 1) * stride + kernel_size - size, 0)
        return pad // 2, pad - pad // 2


def conv(inputs: int, filters: int, kernel_size: int, stride: int) -> nn.Module:
    """Convolution without bias."""
    return SameConv2d(inputs, filters, kernel_size, stride=stride, bias=False)


def norm(channels: int) -> nn.Module:
    """Batch normalisation."""
    return BatchNorm2d(channels, eps=EPSILON, momentum=1 - KEPT)
