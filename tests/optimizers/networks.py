"""Two small networks, in both frameworks, with what an estimate of the curvature must leave alone.

Frameworks are imported in the functions: tests import this module too.
"""

from typing import Any

import numpy as np

from tests.optimizers.cases import OUTPUTS
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.spec.inputs import ONLY, Input, describe
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.objective import CustomLoss
from twotrack.shared.spec.optimizers import Sophia
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.verify.material import draw_weights

FEATURES, HIDDEN, CLASSES, BATCH = 5, 8, 4, 8
TOKENS, LENGTH, SIZE = 6, 7, 3


# === A perceptron with batch normalisation and dropout, in float32, as a track trains it ===


def track_model(track: str, optimizer: Sophia, steps: int) -> TrackModel:
    model = _torch_perceptron() if track == "torch" else _keras_perceptron()
    model.load_weights(draw_weights({name: array.shape for name, array in model.weights().items()}))
    model.compile(optimizer, [optimizer.learning_rate] * steps)
    model.reseed(1)
    return model


def _torch_perceptron() -> TrackModel:
    import torch
    from torch import nn

    from twotrack.torch_track.track_model import TorchModel

    class Perceptron(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.norm = nn.Linear(FEATURES, HIDDEN), nn.BatchNorm1d(HIDDEN)
            self.dropout, self.logits = nn.Dropout(0.3), nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.logits(self.dropout(self.norm(self.hidden(x)).tanh()))

    return TorchModel(Perceptron(), describe((FEATURES,)), "cross_entropy", "cpu", torch.float32, Switches())


def _keras_perceptron() -> TrackModel:
    import keras
    from keras import layers

    from twotrack.keras_track.backends import BACKENDS
    from twotrack.keras_track.track_model import KerasModel

    inside = [
        layers.Dense(HIDDEN, name="hidden"),
        layers.BatchNormalization(name="norm"),
        layers.Activation("tanh"),
        layers.Dropout(0.3),
        layers.Dense(CLASSES, name="logits"),
    ]
    model = keras.Sequential([keras.Input((FEATURES,)), *inside])
    return KerasModel(model, describe((FEATURES,)), "cross_entropy", BACKENDS[keras.backend.backend()](), Switches())


def perceptron_batches(count: int) -> list[Batch]:
    random = np.random.default_rng(4)
    return [
        Batch(
            {ONLY: random.normal(size=(BATCH, FEATURES)).astype(np.float32)},
            [random.integers(CLASSES, size=BATCH, dtype=np.int32)],
        )
        for _ in range(count)
    ]


# === Tokens (batch, time) to one output for every token and one for all, as a pair; in Keras subclassed ===


def token_pair(loss: LossName | CustomLoss, optimizer: Sophia) -> Pair:
    outputs = OUTPUTS.get(loss, 1) if isinstance(loss, str) else 1
    return Pair(
        keras=lambda: _keras_network(outputs),
        torch=lambda: _torch_network(outputs),
        input_shape=Input((LENGTH,), "tokens", TOKENS),
        loss=loss,
        optimizer=optimizer,
        batch_size=BATCH,
    )


def output_shapes(loss: LossName) -> list[tuple[int, ...]]:
    return [(BATCH, LENGTH, OUTPUTS[loss]), (BATCH, OUTPUTS[loss])]


def _keras_network(outputs: int) -> Any:
    import keras
    from keras import layers

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = layers.Embedding(TOKENS, SIZE, name="embedding")
            self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")
            self.each, self.whole = layers.Dense(outputs, name="each"), layers.Dense(outputs, name="whole")

        def call(self, tokens: Any, training: bool | None = None) -> Any:
            x = self.embedding(tokens)  # (B, T, C)
            return self.each(x), self.whole(self.norm(keras.ops.mean(x, axis=1), training=training))

    return Network()


def _torch_network(outputs: int) -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.norm = nn.Embedding(TOKENS, SIZE), nn.BatchNorm1d(SIZE)
            self.each, self.whole = nn.Linear(SIZE, outputs), nn.Linear(SIZE, outputs)

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens)  # (B, T, C)
            return self.each(x), self.whole(self.norm(x.mean(dim=1)))

    return Network()
