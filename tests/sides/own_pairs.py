"""Small pairs without weights or inputs of their own, which tests give them, and some that name them."""

from typing import Any

import numpy as np

from twotrack import Input, Pair

LENGTH, TOKENS, FEATURES = 4, 9, 3


def build_keras() -> Any:
    import keras
    from keras import layers

    ids, numbers = keras.Input((LENGTH,), name="ids"), keras.Input((FEATURES,), name="numbers")
    pooled = layers.GlobalAveragePooling1D(name="pool")(layers.Embedding(TOKENS, 5, name="table")(ids))
    x = layers.Concatenate(name="joined")([pooled, numbers])
    x = layers.Dense(4, activation="tanh", name="hidden")(x)
    x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    return keras.Model([ids, numbers], layers.Dense(2, name="head")(x))


def build_torch() -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(TOKENS, 5)
            self.hidden = nn.Linear(5 + FEATURES, 4)
            self.norm = nn.LayerNorm(4)
            self.head = nn.Linear(4, 2)

        def forward(self, ids: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            x = torch.cat([self.table(ids).mean(1), numbers], 1)
            return self.head(self.norm(torch.tanh(self.hidden(x))))

    return Network()


def build_clipped() -> Any:
    """The same but for numbers below -3, which no drawn batch holds."""
    import torch

    network = build_torch()
    network.forward = lambda ids, numbers: type(network).forward(network, ids, torch.clamp(numbers, min=-3.0))
    return network


INPUTS = {"ids": Input((LENGTH,), "tokens", TOKENS), "numbers": (FEATURES,)}


def pair(**settings: Any) -> Pair:
    return Pair(input_shape=INPUTS, batch_size=4, loss="cross_entropy", **settings)


def batches(rows: int = 12) -> dict[str, np.ndarray]:
    """Real inputs: in the range of 0 to 255, as pictures are."""
    generator = np.random.default_rng(5)
    return {
        "ids": generator.integers(0, TOKENS, (rows, LENGTH)),
        "numbers": generator.uniform(-255, 255, (rows, FEATURES)).astype(np.float32),
    }


def failing() -> dict[str, np.ndarray]:
    raise FileNotFoundError("no data here")


MIXED = pair(keras=build_keras, torch=build_torch)
BY_FUNCTION = pair(keras=build_keras, torch=build_torch, inputs=batches)
BROKEN_FUNCTION = pair(keras=build_keras, torch=build_torch, inputs=failing)
TWO_OF_TORCH = pair(torch=(build_torch, build_clipped))
NAMED_FILES = pair(keras=build_keras, torch=build_torch, weights="no_such_file.pt", inputs="no_such_file.npz")


def build_stopped() -> Any:
    """The same, but no gradient flows back through the normalisation."""
    import torch

    class Stopped(type(build_torch())):  # type: ignore[misc]
        def forward(self, ids: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            x = torch.cat([self.table(ids).mean(1), numbers], 1)
            return self.head(self.norm(torch.tanh(self.hidden(x)).detach()))

    return Stopped()


GRADIENT_STOPPED = pair(torch=(build_torch, build_stopped))
