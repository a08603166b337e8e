"""Worker task: what a loop over time gives on JAX, compiled and step by step."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared.workers.door import open_keras
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Looped:
    compiled: list[list[float]]
    stepwise: list[list[float]]
    bodies: int
    """How often the loop's body was called, step by step."""


@task
def loop(steps: int) -> Looped:
    """Run an LSTM over random rows in both ways."""
    open_keras("keras:jax", "cpu")
    import keras

    from twotrack.keras_track.loops import stepwise

    layer, rows = keras.layers.LSTM(3), np.random.default_rng(0).normal(size=(2, steps, 4))
    compiled, bodies, cell = np.asarray(layer(rows)), 0, type(layer.cell).call

    def call(*args: object, **kwargs: object) -> object:
        nonlocal bodies
        bodies += 1
        return cell(layer.cell, *args, **kwargs)

    object.__setattr__(layer.cell, "call", call)
    with stepwise():
        found = np.asarray(layer(rows))
    return Looped(compiled.tolist(), found.tolist(), bodies)
