"""A backbone as both tracks and a chapter see it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.weights.tensor_files import TensorFile

Channels = tuple[float, float, float]
"""One number for red, green and blue."""
NUM_CLASSES = 1000
"""Of ImageNet."""


@dataclass(frozen=True)
class Normalisation:
    """What the network was trained to see: (image - mean) / scale, of RGB values from 0 to 255."""

    mean: Channels
    scale: Channels

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return images (batch, height, width, channels 3) as the network wants them, float32."""
        return ((images - np.array(self.mean)) / np.array(self.scale)).astype(np.float32)


IMAGENET_NORMALISATION = Normalisation(mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375))
"""Mean and deviation of ImageNet's pixels, as torchvision's networks were trained with."""


class Architecture(Protocol):
    """What a track's build function needs to know; each backbone has a class of its own."""

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""


@dataclass(frozen=True)
class Backbone:
    """One network with, or without, published weights. Names are relative to the network."""

    name: str
    architecture: Architecture
    normalisation: Normalisation
    default_size: int
    """Height and width, in pixels, of the images that it was trained on."""
    smallest_size: int
    largest_size: int | None
    """None if there is no limit."""
    last_layers: tuple[str, ...]
    classifier_name: str
    """Name of the dense layer behind the features, where a checkpoint has one."""
    num_classes: int
    """Of the checkpoint's own classifier; 0 if it has none."""
    tensors: TensorFile | None
    """None for a random start."""

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""
        return self.architecture.feature_size

    @cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the tensors' file; None for a random start."""
        return sha256_of(self.tensors.path) if self.tensors else None

    def weights(self) -> dict[str, np.ndarray]:
        """Return the network's weights by canonical name, float32, its classifier left out; {} for a random start."""
        return {name: array for name, array in self._read().items() if not self._of_classifier(name)}

    def classifier(self) -> dict[str, np.ndarray]:
        """Return kernel (features, classes) and bias (classes) of the checkpoint's own classifier, {} without one."""
        return {name: array for name, array in self._read().items() if self._of_classifier(name)}

    def last_block(self) -> tuple[str, ...]:
        """Return the canonical paths of the layers to train first if not only the head is to be trained."""
        return self.last_layers

    def check_size(self, size: int) -> None:
        """Raise UserError unless the network takes images of size x size pixels."""
        largest = self.largest_size or size
        if self.smallest_size <= size <= largest:
            return
        fixed = self.smallest_size == self.largest_size
        raise UserError(
            f"the backbone '{self.name}' takes images of {'' if fixed else 'at least '}{self.smallest_size} pixels a "
            f"side, found {size}; run the command again with --set size={self.smallest_size}."
        )

    def _read(self) -> dict[str, np.ndarray]:
        return self.tensors.read() if self.tensors else {}

    def _of_classifier(self, name: str) -> bool:
        return name.startswith(f"{self.classifier_name}.")
