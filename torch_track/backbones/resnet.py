"""ResNet in PyTorch, of basic blocks or of bottlenecks.

Input (batch, channels 3, height, width), output features (batch, 512 or 2048). Source: He et al. 2016. Its
state_dict has the names and shapes of torchvision's resnet18 or resnet50, whose checkpoints it loads unchanged.
"""

from torch import Tensor, nn

from twotrack.shared.weights.pretrained.backbones.resnet import EPSILON, KEPT, ResNetArchitecture
from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d


def build(architecture: ResNetArchitecture, num_classes: int) -> nn.Module:
    """Return stem, stages and mean over the places; behind them the classifier if it has classes."""
    return ResNet(architecture, num_classes)


class ResNet(nn.Module):
    """Convolutions and blocks called as in torchvision."""

    def __init__(self, architecture: ResNetArchitecture, num_classes: int):
        super().__init__()
        block = Bottleneck if architecture.bottleneck else BasicBlock
        inputs = architecture.widths[0]
        self.conv1 = conv(3, inputs, 7, 2)
        self.bn1 = norm(inputs)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = [f"layer{number}" for number in range(1, len(architecture.widths) + 1)]
        for name, width, depth in zip(self.stages, architecture.widths, architecture.depths, strict=True):
            first = block(inputs, width, 1 if name == "layer1" else 2)
            inputs = width * architecture.expansion
            self.add_module(name, nn.Sequential(first, *(block(inputs, width, 1) for _ in range(depth - 1))))
        self.avgpool = GlobalAveragePooling2d()
        self.fc = nn.Linear(inputs, num_classes) if num_classes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 3, height, width) to features (batch, size), or to logits."""
        x = self.relu(self.bn1(self.conv1(x)))  # (batch, 64, 112, 112)
        x = self.maxpool(x)  # (batch, 64, 56, 56)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        x = self.avgpool(x)  # from (batch, features, 7, 7) to (batch, features)
        return x if self.fc is None else self.fc(x)


class BasicBlock(nn.Module):
    """Two convolutions, and the input added."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = conv(inputs, width, 3, stride)
        self.bn1 = norm(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(width, width, 3, 1)
        self.bn2 = norm(width)
        self.relu2 = nn.ReLU()
        self.downsample = downsample(inputs, width, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, width, height / stride, width / stride), rounded up."""
        x = self.relu1(self.bn1(self.conv1(inputs)))
        x = self.bn2(self.conv2(x))
        return self.relu2(x + (inputs if self.downsample is None else self.downsample(inputs)))


class Bottleneck(nn.Module):
    """Narrow, filter, widen to four times the width, and the input added."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = conv(inputs, width, 1, 1)
        self.bn1 = norm(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = norm(width)
        self.relu2 = nn.ReLU()
        self.conv3 = conv(width, 4 * width, 1, 1)
        self.bn3 = norm(4 * width)
        self.relu3 = nn.ReLU()
        self.downsample = downsample(inputs, 4 * width, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, 4 * width, height / stride, width / stride), rounded up."""
        x = self.relu1(self.bn1(self.conv1(inputs)))
        x = self.relu2(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return self.relu3(x + (inputs if self.downsample is None else self.downsample(inputs)))


def downsample(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the convolution of one pixel that the input takes where its shape is another than the outputs'."""
    return None if inputs == outputs else nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))


def conv(inputs: int, filters: int, kernel_size: int, stride: int) -> nn.Module:
    """Convolution without bias, zeros on all sides."""
    return nn.Conv2d(inputs, filters, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)


def norm(channels: int) -> nn.Module:
    """Batch normalisation."""
    return BatchNorm2d(channels, eps=EPSILON, momentum=1 - KEPT)
