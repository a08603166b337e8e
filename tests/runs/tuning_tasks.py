"""Worker task: some training steps in float64, in a form of the track."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.tuning import Tuning
from twotrack.shared.weights import initial
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

STEPS = 6


@dataclass(frozen=True)
class Asked:
    track: str
    optimizer: str
    tuning: Tuning


@dataclass(frozen=True)
class Trajectory:
    losses: list[float]
    weights: dict[str, list[float]]
    is_tuned: bool
    """The framework was told to."""


@task
def trajectory(asked: Asked, report: Report) -> Trajectory:
    """Do a few steps of a small mnist_cnn on drawn images, a warm-up that is undone before them."""
    settings = {"filters": "2", "hidden_size": "4", "dropout": "0", "optimizer": asked.optimizer}
    variant, random = chapters.get("mnist_cnn").variant("classic", settings), np.random.default_rng(0)
    track = open_track(asked.track, "cpu")
    with track.tuned(asked.tuning):
        model = track.build(whole_pair(variant), 0, "float64")
    model.load_weights(initial.draw(model.shapes(), seed=0))
    model.compile(variant.recipe.optimizer, [3e-3] * STEPS)
    images = random.normal(size=(STEPS, 8, 28, 28, 1))
    labels = random.integers(10, size=(STEPS, 8), dtype=np.int32)
    model.warm_up({ONLY: images[0]}, [labels[0]])
    losses = [model.train_step({ONLY: x}, [y]) for x, y in zip(images, labels, strict=True)]
    weights = {name: array.ravel().tolist() for name, array in model.weights().items()}
    return Trajectory(losses, weights, _is_tuned(model))


def _is_tuned(model: object) -> bool:
    if hasattr(model, "module"):
        return bool(model.module.conv2.weight.stride(1) == 1)  # channels lie beside each other
    return bool(model.model.jit_compile)  # type: ignore[attr-defined]
