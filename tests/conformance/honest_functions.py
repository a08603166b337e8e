"""Honest pairs in which much is code between layers, as people write such networks."""

from typing import Any

from tests.conformance.planted import modules
from twotrack import Input, Pair, RMSprop

TIME, WIDTH, WORDS = 6, 4, 9


def _keras_text() -> Any:
    """Convolutions of several sizes over words, the largest of each, and their row."""
    import keras
    from keras import layers

    tokens = keras.Input((TIME,), dtype="int32")
    x = layers.Embedding(WORDS, WIDTH, name="words")(tokens)
    found = [
        layers.GlobalMaxPooling1D(name=f"largest{size}")(
            layers.Conv1D(3, size, activation="relu", name=f"conv{size}")(x)
        )
        for size in (2, 3)
    ]
    return keras.Model(tokens, layers.Dense(2, name="head")(layers.Concatenate(name="row")(found)))


def _torch_text() -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(WORDS, WIDTH)
            self.convs = nn.ModuleList(nn.Conv1d(WIDTH, 3, size) for size in (2, 3))
            self.fc = nn.Linear(6, 2)

        def forward(self, tokens):
            x = self.embed(tokens).permute(0, 2, 1)
            found = [functional.relu(conv(x)) for conv in self.convs]
            return self.fc(torch.cat([functional.max_pool1d(one, one.shape[2]).squeeze(2) for one in found], 1))

    return Network()


TEXT_CONVOLUTIONS = Pair(
    _keras_text,
    _torch_text,
    Input((TIME,), kind="tokens", size=WORDS),
    loss="cross_entropy",
    rename={"embed": "words", "convs.0": "conv2", "convs.1": "conv3", "fc": "head"},
)


def _keras_waves() -> Any:
    """Positions as waves, computed once and added to scaled vectors."""
    import keras
    import numpy as np
    from keras import layers

    angles = np.arange(TIME)[:, None] / 10_000 ** (np.arange(0, WIDTH, 2) / WIDTH)
    waves = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(TIME, WIDTH)

    class Waves(layers.Layer):
        def call(self, x):
            return x * WIDTH**0.5 + keras.ops.convert_to_tensor(waves, dtype=x.dtype)

    return keras.Sequential(
        [
            keras.Input((TIME,), dtype="int32"),
            layers.Embedding(WORDS, WIDTH, name="words"),
            Waves(name="waves"),
            layers.GRU(3, name="reader"),
            layers.Dense(1, name="head"),
        ]
    )


def _torch_waves() -> Any:
    import math

    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.reader, self.head = (
                nn.Embedding(WORDS, WIDTH),
                nn.GRU(WIDTH, 3, batch_first=True),
                nn.Linear(3, 1),
            )
            position = torch.arange(TIME, dtype=torch.float64).unsqueeze(1)
            rate = torch.exp(torch.arange(0, WIDTH, 2, dtype=torch.float64) * (-math.log(10_000.0) / WIDTH))
            waves = torch.zeros(TIME, WIDTH, dtype=torch.float64)
            waves[:, 0::2], waves[:, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
            self.waves = waves

        def forward(self, tokens):
            x = self.words(tokens) * math.sqrt(WIDTH)
            _, state = self.reader(x + self.waves.to(x))
            return self.head(state[-1])

    return Network()


SINE_POSITIONS = Pair(
    _keras_waves,
    _torch_waves,
    Input((TIME,), kind="tokens", size=WORDS),
    loss="binary_cross_entropy",
    optimizer=RMSprop(1e-3),
)


def _keras_shuffled() -> Any:
    """Channels that become pixels."""
    import keras
    from keras import layers, ops

    class Shuffle(layers.Layer):
        def call(self, x):
            x = ops.reshape(x, (-1, 4, 5, 2, 2, 2))  # ..., channels, rows, columns
            return ops.reshape(ops.transpose(x, (0, 1, 4, 2, 5, 3)), (-1, 8, 10, 2))

        def compute_output_shape(self, shape):
            return (shape[0], 8, 10, 2)

    return keras.Sequential(
        [
            keras.Input((4, 5, 3)),
            layers.Conv2D(8, 3, padding="same", name="conv"),
            Shuffle(name="shuffle"),
            layers.Activation("tanh", name="tanh"),
        ]
    )


def _torch_shuffled() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())


PIXEL_SHUFFLE = Pair(_keras_shuffled, _torch_shuffled, (4, 5, 3), rename={"0": "conv"})


def _keras_cosine() -> Any:
    """How near a vector is to each class's own, as a cosine times a temperature that is trained."""
    import keras
    from keras import layers, ops

    class Cosine(layers.Layer):
        def build(self, shape):
            self.classes = self.add_weight(shape=(3, shape[-1]), name="classes")
            self.temperature = self.add_weight(shape=(1,), name="temperature", initializer="ones")

        def call(self, x):
            x = x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)
            own = self.classes * ops.rsqrt(ops.sum(ops.square(self.classes), axis=-1, keepdims=True) + 1e-6)
            return ops.einsum("bf,cf->bc", x, own) * ops.exp(self.temperature)

    given = keras.Input((7,))
    return keras.Model(given, Cosine(name="cosine")(layers.Dense(5, name="vector")(given)))


def _torch_cosine() -> Any:
    import torch
    from torch import nn

    def unit(x):
        return x / (x.pow(2).sum(-1, keepdim=True) + 1e-6).sqrt()

    class Cosine(nn.Module):
        def __init__(self):
            super().__init__()
            self.classes, self.temperature = nn.Parameter(torch.randn(3, 5)), nn.Parameter(torch.ones(1))

        def forward(self, x):
            return unit(x) @ unit(self.classes).T * self.temperature.exp()

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.vector, self.cosine = nn.Linear(7, 5), Cosine()

        def forward(self, x):
            return self.cosine(self.vector(x))

    return Network()


COSINE = Pair(_keras_cosine, _torch_cosine, (7,), loss="cross_entropy")

# === A batch of a size of its own ===


def _keras_eight_rows() -> Any:
    """Reshape by the number of rows that the Input states: the model takes no other."""
    import keras
    from keras import layers

    given = keras.Input(batch_shape=(8, 4, 6))
    x = layers.Dense(5, activation="relu", name="hidden")(given)
    x = keras.ops.reshape(x, (given.shape[0], 20))
    return keras.Model(given, layers.Dense(3, name="last")(layers.Dropout(0.2)(x)))


_torch_any_rows = modules(
    hidden=lambda nn: nn.Linear(6, 5),
    relu=lambda nn: nn.ReLU(),
    flat=lambda nn: nn.Flatten(),
    drop=lambda nn: nn.Dropout(0.2),
    last=lambda nn: nn.Linear(20, 3),
)
_torch_tanh = modules(
    hidden=lambda nn: nn.Linear(6, 5),
    tanh=lambda nn: nn.Tanh(),
    flat=lambda nn: nn.Flatten(),
    drop=lambda nn: nn.Dropout(0.2),
    last=lambda nn: nn.Linear(20, 3),
)
EIGHT_ROWS = Pair(_keras_eight_rows, _torch_any_rows, (4, 6), batch_size=8)
OTHER_ACTIVATION = Pair(_keras_eight_rows, _torch_tanh, (4, 6), batch_size=8)
"""The same, wrong."""
FIVE_ROWS = Pair(_keras_eight_rows, _torch_any_rows, (4, 6), batch_size=5)
"""What cannot be done."""

HONEST = ("TEXT_CONVOLUTIONS", "SINE_POSITIONS", "PIXEL_SHUFFLE", "COSINE", "EIGHT_ROWS")
