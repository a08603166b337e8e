"""Deep networks that enlarge rounding so much that 20 steps of two equal ones part.

The honest pairs differ in nothing, though most of them end up with other weights; the wrong ones differ in one number.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twotrack import SGD, Adam, Lion, Pair

CLASSES = 3


@dataclass(frozen=True)
class Norm:
    """Batch normalisation as one side has it."""

    momentum: float = 0.9
    """Keras' way round: the share that stays."""
    epsilon: float = 1e-5
    biased: bool = True
    """In torch: the running variance averages the biased variance, as Keras' does."""


# === Convolutions on small images ===

CHANNELS, SIZE, CONVOLUTIONS = 6, 8, 22


def keras_images() -> Any:
    """Return a chain of convolutions with batch normalisation."""
    import keras
    from keras import layers

    x = inputs = keras.Input((SIZE, SIZE, 3), name="image")
    for number in range(CONVOLUTIONS):
        x = layers.Conv2D(CHANNELS, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x))


def torch_images() -> Any:
    """Return the same network."""
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm2d, GlobalAveragePooling2d

    network = nn.Sequential()
    for number in range(CONVOLUTIONS):
        network.add_module(f"conv{number}", nn.Conv2d(CHANNELS if number else 3, CHANNELS, 3, padding=1))
        network.add_module(f"norm{number}", BatchNorm2d(CHANNELS, eps=1e-5, momentum=0.1))
        network.add_module(f"relu{number}", nn.ReLU())
    network.add_module("pool", GlobalAveragePooling2d())
    network.add_module("logits", nn.Linear(CHANNELS, CLASSES))
    return network


IMAGES = Pair(keras_images, torch_images, (SIZE, SIZE, 3), "cross_entropy", SGD(0.1), batch_size=4)


# === Dense layers, few rows ===


def keras_few(depth: int, odd: Norm = Norm()) -> Any:
    """Return a chain of dense layers with batch normalisation, the one in the middle `odd`, and a dropout."""
    import keras
    from keras import layers

    chain = [keras.Input((WIDTH,))]
    for number in range(depth):
        chain.append(layers.Dense(WIDTH, name=f"hidden{number}"))
        norm = odd if number == depth // 2 else Norm()
        chain.append(layers.BatchNormalization(momentum=norm.momentum, epsilon=norm.epsilon, name=f"norm{number}"))
        chain.append(layers.ReLU(name=f"relu{number}"))
    return keras.Sequential([*chain, layers.Dropout(0.2, name="drop"), layers.Dense(CLASSES, name="logits")])


def torch_few(depth: int) -> Any:
    """Return the same network."""
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm1d

    network = nn.Sequential()
    for number in range(depth):
        network.add_module(f"hidden{number}", nn.Linear(WIDTH, WIDTH))
        network.add_module(f"norm{number}", BatchNorm1d(WIDTH, eps=1e-5, momentum=0.1))
        network.add_module(f"relu{number}", nn.ReLU())
    network.add_module("drop", nn.Dropout(0.2))
    network.add_module("logits", nn.Linear(WIDTH, CLASSES))
    return network


def few_rows(depth: int, rows: int, odd: Norm = Norm()) -> Pair:
    """Return the pair, trained on batches of few rows: a batch normalisation of few numbers enlarges rounding."""
    loss, optimizer = "cross_entropy", SGD(0.01)
    return Pair(partial(keras_few, depth, odd), partial(torch_few, depth), (8,), loss, optimizer, batch_size=rows)


TWELVE_OF_THREE, THREE_ROWS, DEEPER = few_rows(12, 3), few_rows(24, 3), few_rows(40, 3)
"""All part when they are left alone; of the last the first step has lost two digits already."""
DEEPEST = few_rows(50, 5)
"""Float32 is nothing but rounding here, and after three steps left alone float64 is as well."""
DEEPEST_OTHER_MOMENTUM = few_rows(50, 5, Norm(momentum=0.89))
DEEPEST_OTHER_EPSILON = few_rows(50, 5, Norm(epsilon=1e-3))


# === Dense layers ===

WIDTH, DEPTH, SHALLOW = 8, 14, 4


def keras_dense(norm: Norm = Norm(), scale: float = 1.0, depth: int = DEPTH) -> Any:
    """Return a chain of dense layers with batch normalisation, its outputs `scale` times as large."""
    import keras
    from keras import layers

    chain = [keras.Input((WIDTH,))]  # added one by one, they would be joined anew each time
    for number in range(depth):
        chain.append(layers.Dense(WIDTH, name=f"hidden{number}"))
        chain.append(layers.BatchNormalization(momentum=norm.momentum, epsilon=norm.epsilon, name=f"norm{number}"))
        chain.append(layers.ReLU(name=f"relu{number}"))
    return keras.Sequential([*chain, layers.Dense(CLASSES, name="logits"), layers.Rescaling(scale, name="scale")])


def torch_dense(norm: Norm = Norm(), scale: float = 1.0, depth: int = DEPTH) -> Any:
    """Return the same network."""
    from torch import nn

    from twotrack.torch_track.layers import BatchNorm1d

    batch_norm = BatchNorm1d if norm.biased else nn.BatchNorm1d

    class Network(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return scale * super().forward(x)

    network = Network()
    for number in range(depth):
        network.add_module(f"hidden{number}", nn.Linear(WIDTH, WIDTH))
        network.add_module(f"norm{number}", batch_norm(WIDTH, eps=norm.epsilon, momentum=1 - norm.momentum))
        network.add_module(f"relu{number}", nn.ReLU())
    network.add_module("logits", nn.Linear(WIDTH, CLASSES))
    return network


MOMENTUM = Pair(
    keras_dense, torch_dense, (WIDTH,), "cross_entropy", SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-4),
    batch_size=6,
)  # fmt: skip
ADAM = replace(MOMENTUM, optimizer=Adam(1e-2))
LION = replace(
    MOMENTUM,
    keras=partial(keras_dense, depth=SHALLOW),
    torch=partial(torch_dense, depth=SHALLOW),
    optimizer=Lion(1e-3),
)
"""Makes a step of a gradient that is the rounding of zero: that of a bias before batch normalisation. A few
layers part too."""
LOUD = replace(
    ADAM, keras=partial(keras_dense, scale=1e3), torch=partial(torch_dense, scale=1e3), loss="mean_squared_error"
)
"""So does Adam, where the rounding of zero is as large as its epsilon."""


# === Batch normalisation that is not the same ===


def _with(norm: Norm) -> Pair:
    """Return the pair whose torch side has that normalisation."""
    return replace(MOMENTUM, torch=partial(torch_dense, norm=norm))


OTHER_MOMENTUM = _with(Norm(momentum=0.9001))
OTHER_EPSILON = _with(Norm(epsilon=1.001e-5))
UNBIASED = _with(Norm(biased=False))
