"""ResNet-18 in PyTorch. 11,176,512 parameters, 11,689,512 with the classifier.

Input (batch, channels 3, height, width), output features (batch, 512). Source: He et al. 2016. Its state_dict has
the names and shapes of torchvision's resnet18, whose checkpoints it loads unchanged.
"""

from torch import Tensor, nn

from twotrack.shared.weights.pretrained.backbones.resnet18 import EPSILON, KEPT, ResNet18Architecture
from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d


def build(architecture: ResNet18Architecture, num_classes: int) -> nn.Module:
    """Return stem, stages and mean over the places; behind them the classifier if it has classes."""
    return ResNet(architecture, num_classes)


class ResNet(nn.Module):
    """Convolutions and blocks called as in torchvision."""

    def __init__(self, architecture: ResNet18Architecture, num_classes: int):
        super().__init__()
        inputs = architecture.widths[0]
        self.conv1 = conv(3, inputs, 7, 2)
        self.bn1 = norm(inputs)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = [f"layer{number}" for number in range(1, len(architecture.widths) + 1)]
        for number, (name, width) in enumerate(zip(self.stages, architecture.widths, strict=True), start=1):
            self.add_module(name, stage(inputs, width, 1 if number == 1 else 2, architecture.num_blocks))
            inputs = width
        self.avgpool = GlobalAveragePooling2d()
        self.fc = nn.Linear(inputs, num_classes) if num_classes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 3, height, width) to features (batch, 512), or to logits."""
        x = self.relu(self.bn1(self.conv1(x)))  # (batch, 64, 112, 112)
        x = self.maxpool(x)  # (batch, 64, 56, 56)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        x = self.avgpool(x)  # from (batch, 512, 7, 7) to (batch, 512)
        return x if self.fc is None else self.fc(x)


def stage(inputs: int, width: int, stride: int, num_blocks: int) -> nn.Module:
    """Blocks of one width; the first has the stride."""
    rest = [BasicBlock(width, width, 1) for _ in range(num_blocks - 1)]
    return nn.Sequential(BasicBlock(inputs, width, stride), *rest)


class BasicBlock(nn.Module):
    """Two convolutions, and the input added, by a convolution of one pixel where its shape is another."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = conv(inputs, width, 3, stride)
        self.bn1 = norm(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(width, width, 3, 1)
        self.bn2 = norm(width)
        self.relu2 = nn.ReLU()
        other = inputs != width
        self.downsample = nn.Sequential(conv(inputs, width, 1, stride), norm(width)) if other else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, width, height / stride, width / stride), rounded up."""
        x = self.bn1(self.conv1(inputs))
        x = self.relu1(x)
        x = self.bn2(self.conv2(x))
        if self.downsample is not None:
            inputs = self.downsample(inputs)
        return self.relu2(x + inputs)


def conv(inputs: int, filters: int, kernel_size: int, stride: int) -> nn.Module:
    """Convolution without bias, zeros on all sides."""
    return nn.Conv2d(inputs, filters, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)


def norm(channels: int) -> nn.Module:
    """Batch normalisation."""
    return BatchNorm2d(channels, eps=EPSILON, momentum=1 - KEPT)
