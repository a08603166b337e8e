"""What a worker does for a benchmark: time some training steps, train up to a score, count what a step computes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.benchmark.records import Contestant, Trial
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.fitting import Stopwatch, TrainingStage, for_stage, in_batches, load_start, silent
from twotrack.shared.runs.stages import Fit
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.spec.scripts import SCRIPT_BATCH, ScriptEpoch
from twotrack.shared.spec.track import BUILT_IN, TrackModel
from twotrack.shared.workers.door import open_torch, open_track, script
from twotrack.shared.workers.environment import peak_resident_bytes
from twotrack.shared.workers.task import task

WARM_UP = 3
"""Steps behind the one that compiles, before the first that counts."""
MOST_EPOCHS = 5
"""Of a script that does not reach the target."""


@dataclass(frozen=True)
class Asked:
    """One measurement of one contestant."""

    chapter: str
    contestant: Contestant
    seed: int
    device: str
    steps: int
    """At most so many count, and an epoch's at most."""
    target: float | None = None
    """Up to which a script trains."""
    examples: int | None = None
    """Train on the first so many only; None for all."""


@dataclass(frozen=True)
class Timed:
    """Steps that were timed."""

    seconds: float
    steps: int
    batch_size: int
    peak_memory: int


@task
def pace(asked: Asked) -> Timed:
    """Do training steps, the first ones apart, and time the others, making their batches included."""
    if asked.contestant.form == "script":
        return _script_pace(asked)
    variant, data, track = _variant(asked), _data(asked), open_track(asked.contestant.track, asked.device)
    model, recipe = _built(asked, variant), variant.recipe
    model, data = for_stage(model, data, variant, recipe, silent)
    batches = TrainingBatches(data, data.train, recipe.batch_size, asked.seed, variant.chapter.loss)
    steps = max(1, min(asked.steps, len(batches) - WARM_UP))
    rates = recipe.learning_rates(WARM_UP + steps, len(batches))
    stage = TrainingStage(model, recipe.optimizer, rates, Stopwatch(track))
    epoch = batches.epoch(0)
    stage.prepare(next(batches.epoch(0)))
    done = len(list(stage.steps(islice(epoch, WARM_UP))))
    track.synchronise()
    start = time.perf_counter()
    steps = len(list(stage.steps(islice(epoch, WARM_UP + steps - done))))
    track.synchronise()
    return Timed(time.perf_counter() - start, steps, recipe.batch_size, peak_resident_bytes())


def _script_pace(asked: Asked) -> Timed:
    """Time the second of two short epochs."""
    epochs = _script(asked, asked.steps)
    next(epochs)
    timed = next(epochs)
    return Timed(timed.seconds, timed.steps, SCRIPT_BATCH, peak_resident_bytes())


@task
def reach(asked: Asked) -> Trial:
    """Train by the recipe, or by the script up to the target, and score the test split."""
    data, chapter = _data(asked), chapters.get(asked.chapter)

    def score(logits: np.ndarray) -> float:
        return metrics.evaluate(logits, data.test.labels)[chapter.metric]

    if asked.contestant.form == "script":
        return _script_trial(asked, data, score)
    variant, track = _variant(asked), open_track(asked.contestant.track, asked.device)
    model = _built(asked, variant)
    fit = Fit(model, data, variant, asked.seed, Stopwatch(track), silent)
    fit.run()
    with fit.averaged():
        logits = in_batches(model.predict, data, data.test.inputs, chapter.predict_batch)
    return Trial(seed=asked.seed, score=score(logits), seconds=sum(epoch.seconds for epoch in fit.progress.epochs))


def _script_trial(asked: Asked, data: Dataset, score: Callable[[np.ndarray], float]) -> Trial:
    seconds, found = 0.0, 0.0
    for epoch in islice(_script(asked, None), MOST_EPOCHS):
        seconds += epoch.seconds
        found = score(epoch.predict(_prepared(data, data.test.inputs)))
        if asked.target is None or found >= asked.target:
            break
    return Trial(seed=asked.seed, score=found, seconds=seconds)


@task
def operations(asked: Asked) -> int:
    """Return the floating-point operations of a training step of the chapter on torch, for one example."""
    variant, data, track = _variant(asked), _data(asked), open_torch(asked.device)
    model, recipe = _built(asked, variant), variant.recipe
    batch = next(TrainingBatches(data, data.train, recipe.batch_size, 0, variant.chapter.loss).epoch(0))
    model.compile(recipe.optimizer, recipe.learning_rates(1))
    return track.operations(lambda: model.train_step(batch.inputs, batch.targets)) // recipe.batch_size


def _variant(asked: Asked) -> ChapterVariant:
    return chapters.get(asked.chapter).variant(asked.contestant.recipe)


def _data(asked: Asked) -> Dataset:
    data = chapters.get(asked.chapter).data()
    return replace(data, train=data.train.first(asked.examples)) if asked.examples else data


def _built(asked: Asked, variant: ChapterVariant) -> TrackModel:
    track = open_track(asked.contestant.track, asked.device)
    precision = BUILT_IN[asked.contestant.precision]
    track.require(precision)
    with track.tuned(asked.contestant.tuning):
        model = track.build(whole_pair(variant), asked.seed, precision)
    load_start(model, variant, asked.seed)
    return model


def _script(asked: Asked, most_steps: int | None) -> Iterator[ScriptEpoch]:
    data = _data(asked)
    images = _prepared(data, data.train.inputs)
    return script(asked.contestant.track, asked.chapter)(images, data.train.labels, asked.seed, most_steps)


def _prepared(data: Dataset, stored: Inputs) -> np.ndarray:
    return data.prepare(stored)[ONLY]
