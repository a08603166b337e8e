"""Worker tasks: what is drawn after a seed, and which modules a worker has imported."""

import random
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Seed:
    way: Literal["keras", "twotrack"]
    seed: int


@dataclass(frozen=True)
class Drawn:
    python: float
    numpy: float
    tensors: list[Any]


@task
def draws(asked: Seed) -> Drawn:
    """Seed in the way that is asked for; draw from every generator that a model uses."""
    import keras

    from twotrack.keras_track.session import start_afresh

    keras.utils.set_random_seed(0)  # imports TensorFlow, wherever it is installed, which draws while it is imported
    ways = {"keras": keras.utils.set_random_seed, "twotrack": start_afresh}
    ways[asked.way](asked.seed)
    ones = np.ones((4, 6), "float32")
    kernel = keras.layers.Dense(6)(ones)
    dropped = keras.layers.Dropout(0.5)(ones, training=True)
    tensors = [keras.ops.convert_to_numpy(one).tolist() for one in (kernel, dropped)]
    return Drawn(random.random(), float(np.random.random()), tensors)


@task
def modules(_: None) -> list[str]:
    """Return the top-level modules."""
    return [name for name in sys.modules if "." not in name]
