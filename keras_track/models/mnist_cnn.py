"""SimpleCNN for MNIST in Keras 3. 421,642 parameters (flatten), 28,618 trainable (bn_gap).

Input (batch, height 28, width 28, channels 1), output logits (batch, classes 10).
Source: the original chapter's SimpleCNN; bn_gap adds batch normalisation (Ioffe and Szegedy 2015)
and global average pooling (Lin et al. 2014).
"""

import keras
from keras import layers

from twotrack.shared.chapters.mnist_cnn import IMAGE_SIZE, NUM_CLASSES, Config


def build(config: Config) -> keras.Model:
    """Return the network that `config.architecture` names."""
    network = {"flatten": simple_cnn, "bn_gap": batch_norm_cnn}[config.architecture]
    return network(config.filters, config.hidden_size, config.dropout)


def simple_cnn(filters: int, hidden_size: int, dropout: float) -> keras.Model:
    """Two convolutions, flatten, two dense layers."""
    return keras.Sequential(
        [
            keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1)),
            layers.Conv2D(filters, kernel_size=3, padding="same", name="conv1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),  # (batch, 14, 14, 32)
            layers.Conv2D(2 * filters, kernel_size=3, padding="same", name="conv2"),
            layers.ReLU(name="relu2"),
            layers.MaxPooling2D(2, name="pool2"),  # (batch, 7, 7, 64)
            layers.Flatten(name="flatten"),  # (batch, 3136)
            layers.Dense(hidden_size, name="dense1"),
            layers.ReLU(name="relu3"),
            layers.Dropout(dropout, name="dropout"),  # (batch, 128)
            layers.Dense(NUM_CLASSES, name="logits"),
        ],
        name="mnist_cnn",
    )


def batch_norm_cnn(filters: int, hidden_size: int, dropout: float) -> keras.Model:
    """Two convolutions, each batch-normalised, global average pooling, two dense layers."""
    return keras.Sequential(
        [
            keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1)),
            layers.Conv2D(filters, kernel_size=3, padding="same", name="conv1"),
            layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="bn1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),  # (batch, 14, 14, 32)
            layers.Conv2D(2 * filters, kernel_size=3, padding="same", name="conv2"),
            layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="bn2"),
            layers.ReLU(name="relu2"),
            layers.MaxPooling2D(2, name="pool2"),  # (batch, 7, 7, 64)
            layers.GlobalAveragePooling2D(name="gap"),  # (batch, 64)
            layers.Dense(hidden_size, name="dense1"),
            layers.ReLU(name="relu3"),
            layers.Dropout(dropout, name="dropout"),  # (batch, 128)
            layers.Dense(NUM_CLASSES, name="logits"),
        ],
        name="mnist_cnn",
    )
