"""Pairs of which something of the user's own never returns; before, it says so by a file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sides.odd_pairs import keras_build, torch_build
from twotrack import CustomLoss, Pair, TrainingLoop

SIGN = "TWOTRACK_TESTS_SIGN"
"""Of the environment: the file that is written when the end of all progress has come."""


def never(*_: Any, **__: Any) -> Any:
    """Do nothing, for ever, and let no other thread of the process do much."""
    Path(os.environ[SIGN]).touch()
    while True:
        pass


def torch_forward() -> Any:
    from torch import nn

    class Odd(nn.Linear):
        forward = never

    return Odd(4, 3)


def keras_call() -> Any:
    import keras

    class Odd(keras.layers.Dense):
        def call(self, given: Any) -> Any:
            return never()

    return keras.Sequential([keras.Input((4,)), Odd(3, name="a")])


def pair(**fields: Any) -> Pair:
    return Pair(**{"keras": keras_build, "torch": torch_build, "input_shape": (4,), **fields})


def torch_train(model: Any, batches: Any, record: Callable[[Any], None]) -> None:
    never()


TORCH_BUILD = pair(torch=never)
KERAS_BUILD = pair(keras=never)
TORCH_FORWARD = pair(torch=torch_forward)
KERAS_CALL = pair(keras=keras_call)
INPUTS = pair(inputs=never)
LOSS = pair(loss=CustomLoss(never, never, target="real"))
TRAIN = pair(train=TrainingLoop(torch_train, torch_train))
