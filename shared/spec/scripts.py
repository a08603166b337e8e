"""Trainings as a learner writes them from a chapter's description: what they leave. Nothing in them is aligned."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class ScriptEpoch(NamedTuple):
    """What an epoch of a script leaves."""

    seconds: float
    steps: int
    predict: "Callable[[np.ndarray], np.ndarray]"
    """From images (batch, height, width, channels) to logits."""


Script = Callable[..., Iterator[ScriptEpoch]]
"""Takes images (examples, height, width, channels), labels, a seed and the most steps of an epoch (None for all).

It trains for as long as epochs are asked for.
"""
SCRIPTED = ("mnist_cnn",)
"""Chapters that every track has a script of."""
SCRIPT_BATCH = 64
