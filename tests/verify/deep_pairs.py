"""Deep residual networks that enlarge the rounding of a step so much that 20 steps of two equal ones part.

The honest ones differ in nothing; every wrong one differs in one number, by about as little as a port can.
"""

from dataclasses import dataclass, replace
from typing import Any

from twotrack import SGD, Adam, Pair

BLOCKS, CHANNELS, SIZE, CLASSES = 30, 6, 8, 3
EPSILON, MOMENTUM = 1e-5, 0.9


@dataclass(frozen=True)
class Norm:
    """Batch normalisation as one side has it."""

    epsilon: float = EPSILON
    momentum: float = MOMENTUM
    """Keras' way round: the share that stays."""
    biased: bool = True
    """In torch: the running variance averages the biased variance, as Keras' does."""


def keras_residual(norm: Norm = Norm()) -> Any:
    """Return a ResNet (v1) on small images."""
    import keras
    from keras import layers

    def convolved(x: Any, name: str) -> Any:
        x = layers.Conv2D(CHANNELS, 3, padding="same", name=f"{name}_conv")(x)
        return layers.BatchNormalization(momentum=norm.momentum, epsilon=norm.epsilon, name=f"{name}_norm")(x)

    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.ReLU(name="stem_relu")(convolved(inputs, "stem"))
    for number in range(BLOCKS):
        residual = layers.ReLU(name=f"block{number}_relu")(convolved(x, f"block{number}"))
        x = layers.Add(name=f"block{number}_add")([residual, residual])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x))


def torch_residual(norm: Norm = Norm()) -> Any:
    """Return the same network."""
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm2d

    batch_norm = BatchNorm2d if norm.biased else nn.BatchNorm2d

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._add("stem", 3)
            for number in range(BLOCKS):
                self._add(f"block{number}", CHANNELS)
            self.logits = nn.Linear(CHANNELS, CLASSES)

        def _add(self, name: str, channels: int) -> None:
            self.add_module(f"{name}_conv", nn.Conv2d(channels, CHANNELS, 3, padding=1))
            self.add_module(f"{name}_norm", batch_norm(CHANNELS, eps=norm.epsilon, momentum=1 - norm.momentum))

        def _convolved(self, x: Any, name: str) -> Any:
            return self.get_submodule(f"{name}_norm")(self.get_submodule(f"{name}_conv")(x)).relu()

        def forward(self, x: Any) -> Any:
            x = self._convolved(x, "stem")
            for number in range(BLOCKS):
                x = 2 * self._convolved(x, f"block{number}")
            return self.logits(x.mean((2, 3)))

    return Network()


HONEST_SGD = Pair(keras_residual, torch_residual, (SIZE, SIZE, 3), "cross_entropy", SGD(0.1), batch_size=4)
HONEST_ADAM = replace(HONEST_SGD, optimizer=Adam(1e-2))
