"""The race of optimizers at many learning rates, on two tracks: validation losses, measured."""

import json
import os
from collections.abc import Sequence

import numpy as np

from docs.playground.models import FILES
from twotrack.shared import chapters
from twotrack.shared.evaluation import metrics
from twotrack.shared.experiments.lab import Lab, open_lab

TRACKS = ("torch", "keras:torch")
"""Keras on the backend that compiles nothing: the curves of all backends lie within rounding of each other."""
FACTORS = (0.01, 0.1, 1.0, 3.0, 10.0)
"""Of each optimizer's own learning rate."""
STEPS, BATCH, EVERY = 100, 64, 10


def make() -> None:
    """Train with every optimizer at every rate on both tracks, and write race.json."""
    os.environ["KERAS_BACKEND"] = "torch"
    optimizers = chapters.get("optimizers").optimizers
    rates = {name: [optimizer.learning_rate * factor for factor in FACTORS] for name, optimizer in optimizers.items()}
    losses = {track: {name: _losses(track, name, all_rates) for name, all_rates in rates.items()} for track in TRACKS}
    measured = {"steps": list(range(0, STEPS + 1, EVERY)), "rates": rates, "losses": losses}
    FILES.mkdir(exist_ok=True)
    (FILES / "race.json").write_text(json.dumps(measured) + "\n")


def _losses(track: str, optimizer: str, rates: Sequence[float]) -> list[list[float | None]]:
    """Return the validation losses (rates, looks) in nats; None where a training has left the numbers."""
    print(f"  {track}: {optimizer}", flush=True)
    lab = open_lab(track, "optimizers", 0)
    return [[_finite(loss) for loss in _one(lab, optimizer, rate)] for rate in rates]


def _one(lab: Lab, optimizer: str, rate: float) -> list[float]:
    model = lab.model("float32", "classic", optimizer=optimizer, learning_rate=rate)
    split, losses = lab.dataset.validation, []

    def look(_: int) -> None:
        losses.append(metrics.evaluate(model.predict(split), split.labels)["loss"])

    model.watch(STEPS, BATCH, EVERY, look)
    return losses


def _finite(loss: float) -> float | None:
    return round(loss, 5) if np.isfinite(loss) else None
