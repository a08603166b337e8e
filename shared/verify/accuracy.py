"""The accuracy rung: short trainings over seeds, dropout on, and an equivalence test on the outcome.

The budget is small, so that the rung takes seconds; `twotrack compare` trains on all data. The metric
is the chapter's: ROC AUC, say, where accuracy would be that of the larger class after so few steps.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared import chapters, initial_weights, statistics
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.harness.fitting import for_stage, in_batches
from twotrack.shared.metrics import METRICS
from twotrack.shared.verify.observe import ObserveRequest
from twotrack.shared.verify.rungs import Verdict
from twotrack.shared.verify.tolerances import ACCURACY_MARGIN
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

SEEDS, BATCH_SIZE, VALIDATED = 5, 16, 2000
_WHERE = {"equivalent": "within", "different": "beyond", "undecided": "not shown to lie within"}


@task
def measure(asked: ObserveRequest, report: Report) -> Path:
    """Train each seed, write the outputs on the validation split and its labels, return the file."""
    track, subject = open_track(asked.track, "auto"), asked.subject
    variant = chapters.get(subject.name).variant(subject.recipe, subject.settings)
    chapter, recipe, config = variant.chapter, variant.recipe, variant.config
    whole = track.build(chapter, config, seed=0)
    shapes = {name: array.shape for name, array in whole.weights().items()}
    whole.load_weights(initial_weights.start(chapter, config, shapes, seed=0))
    model, dataset = for_stage(whole, _few(chapter, config), chapter, config, recipe, report)
    model.compile(recipe, recipe.learning_rates(len(dataset.train) // BATCH_SIZE))
    fresh, outputs = model.snapshot(), []
    for seed in range(SEEDS):  # one compiled model serves all seeds
        report(f"accuracy {seed + 1}/{SEEDS}", {})
        model.restore(fresh)
        model.reseed(seed)
        whole.load_weights(initial_weights.start(chapter, config, shapes, seed))
        for batch in TrainingBatches(dataset, dataset.train, BATCH_SIZE, seed).epoch(0):
            model.train_step(batch)
        outputs.append(in_batches(model.predict, dataset, dataset.validation.inputs, chapter.predict_batch))
    file = asked.folder / "accuracy.npz"
    np.savez(file, outputs=np.stack(outputs), labels=dataset.validation.labels, examples=len(dataset.train))
    return file


def _few(chapter: Chapter, config: Any) -> Dataset:
    data = chapter.data(config=config)
    return replace(data, train=data.train.first(chapter.verify_examples), validation=data.validation.first(VALIDATED))


@dataclass(frozen=True)
class Outcome:
    """What one track's short trainings came to."""

    outputs: np.ndarray
    """On the validation split: (seeds, examples, classes or 1)."""
    labels: np.ndarray
    """(examples,)"""
    trained: int
    """Examples trained on, per seed."""


def load(file: Path) -> Outcome:
    """Read what `measure` wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        return Outcome(arrays["outputs"], arrays["labels"], int(arrays["examples"]))


def check(metric: str, torch: Outcome, keras: Outcome) -> Verdict:
    """Require equivalence in the chapter's metric within the margin, by two one-sided tests at 5 %."""
    scores = [statistics.score(metric, one.outputs, one.labels).value for one in (keras, torch)]
    found = statistics.verdict(metric, keras.outputs, torch.outputs, torch.labels, ACCURACY_MARGIN)
    detail = (
        f"{METRICS[metric].label}: Keras {scores[0]:.3f}, torch {scores[1]:.3f}, difference "
        f"[{found.low:+.3f}, {found.high:+.3f}] {_WHERE[found.kind]} ±{ACCURACY_MARGIN:g}; "
        f"{SEEDS} seeds, {torch.trained:,} examples"
    )
    return Verdict("accuracy", found.kind == "equivalent", detail)
