"""Honest pairs of steps that do not count, and of random layers and steps of the model's own on both sides."""

from typing import Any

from tests.diagnosis.faults.own_steps import loop, train_weighed, weighed
from tests.diagnosis.faults.recurrence import FEATURES, STEPS, TOKENS, UNITS, keras_masked, torch_mean
from twotrack import Input, Pair

MEAN_OF_REAL_STEPS = Pair(keras_masked("mean"), torch_mean(counted=True), TOKENS)
"""Where all steps are padding Keras divides 0 by 0, which is an exception: no such text comes."""


def _torch_masked_loop() -> Any:
    """An LSTM whose state stays as it is where all numbers of a step are 0, as behind Masking."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps, self.last = nn.LSTM(FEATURES, UNITS, batch_first=True), nn.Linear(UNITS, 2)
            nn.init.zeros_(self.steps.bias_hh_l0)
            self.steps.bias_hh_l0.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            state = [x.new_zeros(1, len(x), UNITS)] * 2
            for step in x.split(1, 1):
                real = (step != 0).any(-1)[None]
                _, new = self.steps(step, tuple(state))
                state = [torch.where(real, *pair) for pair in zip(new, state, strict=True)]
            return self.last(state[0][0])

    return Network()


MASKED_LOOP = Pair(keras_masked("LSTM"), _torch_masked_loop, (STEPS, FEATURES))


def _keras_flipped() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [keras.Input((4, 4, 2)), layers.RandomFlip("horizontal"), layers.Flatten(), layers.Dense(3, name="last")]
    )


def _torch_flipped() -> Any:
    """Each picture is flipped with a probability of one half, as Keras' layer does it."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(32, 3)

        def forward(self, x: Any) -> Any:
            if self.training:
                x = torch.where(torch.rand(len(x), 1, 1, 1, dtype=x.dtype) <= 0.5, x.flip(-1), x)
            return self.last(x.flatten(1))

    return Network()


FLIPPED = Pair(_keras_flipped, _torch_flipped, Input((4, 4, 2)))
OWN_STEP = loop(weighed, train_weighed)
"""Keras' compute_loss weighs the classes as torch's loop does."""
HONEST = ("MEAN_OF_REAL_STEPS", "MASKED_LOOP", "FLIPPED", "OWN_STEP")
