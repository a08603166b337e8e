"""The accuracy rung: short trainings over seeds, dropout on, and an equivalence test on the outcome.

The budget is small, so that the rung takes seconds; `twotrack compare` trains on all data. The metric
is the chapter's: ROC AUC, say, where accuracy would be that of the larger class after so few steps.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twotrack.shared.base.tolerances import ACCURACY_MARGIN
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation.metrics import METRICS
from twotrack.shared.runs.fitting import (
    Stopwatch,
    TrainingProgress,
    TrainingStage,
    for_stage,
    fresh_model,
    in_batches,
    load_start,
    silent,
)
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.rungs import RungResult
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

SEEDS, BATCH_SIZE = 5, 16
PREDICTED = 64
"""Examples in a batch whose outputs are taken: a divisor of what chapters verify with, or another size is compiled."""
_WHERE = {"equivalent": "within", "different": "beyond", "undecided": "not shown to lie within"}


@task
def measure(request: SideRequest, report: Report) -> Path:
    """Train each seed, write the outputs on the validation split and its labels, return the file.

    Of either split the first examples. How many decides how surely two tracks that are equivalent are told to be, not
    how seldom two that are not: that is what the test holds to 5 %, whatever it is given.
    """
    variant, track = request.verify.variant.predicting(PREDICTED), open_track(request.side.track, "auto")
    chapter, recipe = variant.chapter, variant.recipe
    whole = fresh_model(track, variant, seed=0)
    model, dataset = for_stage(whole, _few(variant), variant, recipe, silent)
    batches = [TrainingBatches(dataset, dataset.train, BATCH_SIZE, seed, chapter.loss) for seed in range(SEEDS)]
    stage = TrainingStage(model, recipe.optimizer, recipe.learning_rates(len(batches[0])), Stopwatch())
    fresh, outputs = model.snapshot(), []
    for seed in range(SEEDS):  # one compiled model serves all seeds
        report(f"accuracy {seed + 1}/{SEEDS}", {})
        model.restore(fresh)
        model.reseed(seed)
        load_start(whole, variant, seed, whole.trainable_names())  # the others have what every seed starts with
        stage.train_epoch(batches[seed], 0, TrainingProgress(len(batches[seed])))
        outputs.append(in_batches(model.predict, dataset, dataset.validation.inputs, chapter.predict_batch))
    file = request.folder / "accuracy.npz"
    np.savez(file, outputs=np.stack(outputs), labels=dataset.validation.labels, examples=len(dataset.train))
    return file


def _few(variant: ChapterVariant) -> Dataset:
    data, examples = variant.data(), variant.chapter.verify_examples
    return replace(data, train=data.train.first(examples), validation=data.validation.first(examples))


@dataclass(frozen=True)
class ShortTrainings:
    """What one track's short trainings came to."""

    outputs: np.ndarray
    """On the validation split: (seeds, examples, classes or 1)."""
    labels: np.ndarray
    """(examples,)"""
    trained: int
    """Examples trained on, per seed."""


def load(file: Path) -> ShortTrainings:
    """Read what `measure` wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        return ShortTrainings(arrays["outputs"], arrays["labels"], int(arrays["examples"]))


def check(metric: str, torch: ShortTrainings, keras: ShortTrainings) -> RungResult:
    """Require equivalence in the chapter's metric within the margin, by two one-sided tests at 5 %."""
    from twotrack.shared.evaluation import statistics  # not in a worker, which it would take a second to import

    keras_score, torch_score = (statistics.score(metric, side.outputs, side.labels).value for side in (keras, torch))
    verdict = statistics.verdict(metric, keras.outputs, torch.outputs, torch.labels, ACCURACY_MARGIN)
    detail = (
        f"{METRICS[metric].label}: Keras {keras_score:.3f}, torch {torch_score:.3f}, difference "
        f"[{verdict.low:+.3f}, {verdict.high:+.3f}] {_WHERE[verdict.kind]} ±{ACCURACY_MARGIN:g}; "
        f"{SEEDS} seeds, {torch.trained:,} examples"
    )
    return RungResult("accuracy", verdict.kind == "equivalent", detail)
