"""SimpleCNN for MNIST in PyTorch. 421,642 parameters (flatten), 28,618 trainable (bn_gap).

Input (batch, channels 1, height 28, width 28), output logits (batch, classes 10).
Source: the original chapter's SimpleCNN; bn_gap adds batch normalisation (Ioffe and Szegedy 2015)
and global average pooling (Lin et al. 2014).
"""

from torch import Tensor, nn

from twotrack.shared.chapters.mnist_cnn import IMAGE_SIZE, NUM_CLASSES, Config
from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d


def build(config: Config) -> nn.Module:
    """Return the network that `config.architecture` names."""
    network = {"flatten": SimpleCNN, "bn_gap": BatchNormCNN}[config.architecture]
    return network(config.filters, config.hidden_size, config.dropout)


class SimpleCNN(nn.Module):
    """Two convolutions, flatten, two dense layers."""

    def __init__(self, filters: int, hidden_size: int, dropout: float):
        super().__init__()
        self.conv1 = nn.Conv2d(1, filters, kernel_size=3, padding="same")
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(filters, 2 * filters, kernel_size=3, padding="same")
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.dense1 = nn.Linear((IMAGE_SIZE // 4) ** 2 * 2 * filters, hidden_size)
        self.relu3 = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(hidden_size, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 1, height, width) to logits (batch, classes)."""
        x = self.pool1(self.relu1(self.conv1(x)))  # (batch, 32, 14, 14)
        x = self.pool2(self.relu2(self.conv2(x)))  # (batch, 64, 7, 7)
        x = self.flatten(x)  # (batch, 3136)
        x = self.dropout(self.relu3(self.dense1(x)))  # (batch, 128)
        return self.logits(x)


class BatchNormCNN(nn.Module):
    """Two convolutions, each batch-normalised, global average pooling, two dense layers."""

    def __init__(self, filters: int, hidden_size: int, dropout: float):
        super().__init__()
        self.conv1 = nn.Conv2d(1, filters, kernel_size=3, padding="same")
        self.bn1 = BatchNorm2d(filters, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(filters, 2 * filters, kernel_size=3, padding="same")
        self.bn2 = BatchNorm2d(2 * filters, eps=1e-5, momentum=0.1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.gap = GlobalAveragePooling2d()
        self.dense1 = nn.Linear(2 * filters, hidden_size)
        self.relu3 = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(hidden_size, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, channels 1, height, width) to logits (batch, classes)."""
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))  # (batch, 32, 14, 14)
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))  # (batch, 64, 7, 7)
        x = self.gap(x)  # (batch, 64)
        x = self.dropout(self.relu3(self.dense1(x)))  # (batch, 128)
        return self.logits(x)
