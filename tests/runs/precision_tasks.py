"""Worker task: one convolutional model in float32 and in mixed precision, from the same weights."""

from dataclasses import dataclass

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.spec.track import Precision
from twotrack.shared.weights import initial
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


@dataclass(frozen=True)
class Mixed:
    """What the two have in common, and what not."""

    weights: list[str]
    """Types after a step in mixed precision."""
    predictions: list[str]
    difference: float
    """Of what both predict with the same weights."""
    moved: float
    """Largest difference of their weights after a step, over the largest step."""


@task
def mixed(track: str, report: Report) -> Mixed:
    """Predict, step and predict again, in both precisions."""
    single, both = _stepped(track, "float32"), _stepped(track, "mixed_bfloat16")
    apart = max(float(np.abs(single[1][name] - both[1][name]).max()) for name in single[1])
    steps = max(float(np.abs(single[1][name] - single[0][name]).max()) for name in single[1])
    return Mixed(
        weights=sorted({array.dtype.name for array in both[1].values()}),
        predictions=[both[2].dtype.name],
        difference=float(np.abs(single[2] - both[2]).max()),
        moved=apart / steps,
    )


def _stepped(track: str, precision: Precision) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Return weights before and after a step, and what was predicted behind another load of those before."""
    settings = {"filters": "2", "hidden_size": "4", "dropout": "0", "optimizer": "sgd", "loss": "smoothed:0.1"}
    variant, random = chapters.get("mnist_cnn").variant("classic", settings), np.random.default_rng(0)
    model = open_track(track, "cpu").build(whole_pair(variant), 0, precision)
    before = initial.draw(model.shapes(), seed=0)
    images, labels = random.normal(size=(8, 28, 28, 1)).astype(np.float32), random.integers(10, size=8, dtype=np.int32)
    model.load_weights(before)
    model.compile(variant.recipe.optimizer, [1e-2])
    model.train_step({ONLY: images}, [labels])
    after = model.weights()
    model.load_weights(before)
    return before, after, model.predict({ONLY: images})
