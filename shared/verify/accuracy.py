"""The accuracy rung: short trainings over seeds, dropout on, and an equivalence test on the outcome.

The budget is small, so that the rung takes seconds; `twotrack compare` trains on all data.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shared import chapters, datasets, initial_weights, statistics
from shared.datasets.batches import TrainingBatches
from shared.datasets.spec import Dataset
from shared.track import TrackModel, open_track
from shared.verify.rungs import Verdict
from shared.verify.tolerances import ACCURACY_MARGIN

SEEDS, BATCH_SIZE, EXAMPLES, VALIDATED = 5, 16, 1280, 2000


def measure(arguments: Mapping[str, Any], report: Callable[[str, Mapping[str, object]], None]) -> str:
    """Worker task: train each seed, write which validation examples came out right, return the file."""
    track = open_track(arguments["track"], "auto")
    chapter = chapters.get(arguments["chapter"])
    recipe = chapter.recipe(arguments["recipe"], arguments["settings"])
    dataset = datasets.load(chapter.dataset, datasets.embedded_source(chapter.dataset))
    model = track.build(chapter, chapter.configure(arguments["settings"]), seed=0)
    model.compile(recipe, recipe.learning_rates(EXAMPLES // BATCH_SIZE))
    fresh, right = model.snapshot(), []
    for seed in range(SEEDS):  # one compiled model serves all seeds
        report(f"accuracy {seed + 1}/{SEEDS}", {})
        model.restore(fresh)
        model.reseed(seed)
        right.append(_train(model, dataset, seed))
    file = Path(arguments["folder"]) / "accuracy.npy"
    np.save(file, np.stack(right))
    return str(file)


def _train(model: TrackModel, dataset: Dataset, seed: int) -> np.ndarray:
    """Train one seed on the first examples; return booleans (examples,) of the validation split."""
    shapes = {name: array.shape for name, array in model.weights().items()}
    model.load_weights(initial_weights.draw(shapes, seed))
    for batch in TrainingBatches(dataset, dataset.train.first(EXAMPLES), BATCH_SIZE, seed).epoch(0):
        model.train_step(batch)
    validation = dataset.validation.first(VALIDATED)
    return model.predict(dataset.prepare(validation.inputs)).argmax(axis=1) == validation.labels


def load(file: str) -> np.ndarray:
    """Read (seeds, examples) booleans."""
    return np.load(file, allow_pickle=False)


def check(torch: np.ndarray, keras: np.ndarray) -> Verdict:
    """Require equivalence within the margin, by two one-sided tests at 5 %."""
    difference = statistics.accuracy_difference(keras, torch, confidence=0.9)
    passed = max(-difference.low, difference.high) < ACCURACY_MARGIN
    detail = (
        f"Keras {100 * keras.mean():.1f} %, torch {100 * torch.mean():.1f} %, difference "
        f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}] points within ±{100 * ACCURACY_MARGIN:g}; "
        f"{SEEDS} seeds, {EXAMPLES:,} images"
    )
    return Verdict("accuracy", passed, detail if passed else detail.replace("within", "not within"))
