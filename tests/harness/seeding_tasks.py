"""Worker tasks: what is drawn after a seed, and which modules a worker has imported."""

import random
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from twotrack.keras_track.session import start_afresh

WAYS = {"keras": keras.utils.set_random_seed, "twotrack": start_afresh}


def draws(arguments: Mapping[str, Any], report: object) -> dict[str, Any]:
    """Seed in the way that is asked for; draw from every generator that a model uses."""
    WAYS[arguments["way"]](arguments["seed"])
    ones = np.ones((4, 6), "float32")
    kernel = keras.layers.Dense(6)(ones)
    dropped = keras.layers.Dropout(0.5)(ones, training=True)
    tensors = [keras.ops.convert_to_numpy(one).tolist() for one in (kernel, dropped)]
    return {"python": random.random(), "numpy": float(np.random.random()), "tensors": tensors}


def modules(arguments: Mapping[str, Any], report: object) -> list[str]:
    """Return the top-level modules."""
    return [name for name in sys.modules if "." not in name]
