"""Training proper: a model starts from the same numbers in every track, then goes through the recipe's stages."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xxhash

from twotrack.shared import initial_weights, metrics
from twotrack.shared.chapters.spec import Chapter, ChapterVariant
from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.harness import continuing
from twotrack.shared.harness.records import EpochRecord, Job
from twotrack.shared.inputs import Inputs, by_name, each
from twotrack.shared.track import Track, TrackModel
from twotrack.shared.training import Recipe
from twotrack.shared.transfer import chosen
from twotrack.shared.workers.task import Report

REPORT_SECONDS = 0.2


class TrainingError(Exception):
    """Training cannot go on: the loss is not a finite number."""


@dataclass
class Stopwatch:
    """Seconds per named part of the work."""

    track: Track | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, part: str, work: Callable[[], Any]) -> Any:
        """Do the work and add its seconds to the part, the device idle before and after."""
        self._synchronise()
        start = time.perf_counter()
        result = work()
        self._synchronise()
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start
        return result

    def _synchronise(self) -> None:
        if self.track:
            self.track.synchronise()


@dataclass
class Progress:
    """What training has come to, over all stages."""

    steps: int
    """That there will be."""
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": [], "learning_rate": []})
    epochs: list[EpochRecord] = field(default_factory=list)
    digest: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)
    """Of all batches."""


class Fit:
    """All of a job's training."""

    def __init__(
        self, model: TrackModel, dataset: Dataset, variant: ChapterVariant, job: Job, watch: Stopwatch, report: Report
    ):
        self._model, self._chapter, self._job, self._watch, self._report = model, variant.chapter, job, watch, report
        self._config = variant.config
        self.recipe = replace(variant.recipe, epochs=job.epochs)
        split = dataset.train.first(job.examples) if job.examples else dataset.train
        self._dataset, self.examples = replace(dataset, train=split), len(split)
        self._require_one_batch()
        self._stages = self.recipe.stages if job.epochs else ()
        steps = sum(stage.epochs * (self.examples // stage.batch_size) for stage in self._stages)
        self.progress = Progress(steps)

    def _require_one_batch(self) -> None:
        largest = max(stage.batch_size for stage in self.recipe.stages)
        if self.examples < largest:
            raise UserError(
                f"the training split of '{self._dataset.source}' has {self.examples} examples, less than one batch "
                f"of {largest}; give a file with more rows."
            )

    def run(self) -> None:
        """Start every track from the same numbers, then train stage by stage."""
        self._load_initial_weights()
        for recipe in self._stages:
            self._run_stage(recipe)

    def _run_stage(self, recipe: Recipe) -> None:
        def prepare() -> tuple[TrackModel, Dataset]:
            return for_stage(self._model, self._dataset, self._chapter, self._config, recipe, self._report)

        model, dataset = self._watch.time("features", prepare)
        stage = Stage(model, dataset, recipe, self._chapter, self._job.seed, self._watch, self._report)
        stage.run(self.progress)

    def _load_initial_weights(self) -> None:
        if self._job.continues:
            continuing.load(self._model, self._job.continues)
        else:
            built = self._model.weights()
            shapes, own = {name: array.shape for name, array in built.items()}, self._model.switches.own_weights(built)
            self._model.load_weights(initial_weights.start(self._chapter, self._config, shapes, self._job.seed, own))
        loaded = self._model.weights()
        self.initial_weights = {name: xxhash.xxh3_128_hexdigest(array) for name, array in loaded.items()}
        self.parameters = sum(loaded[name].size for name in self._model.trainable_names())


def for_stage(
    model: TrackModel, dataset: Dataset, chapter: Chapter, config: Any, recipe: Recipe, report: Report
) -> tuple[TrackModel, Dataset]:
    """Return what a stage trains, on which data: frozen as it says; for a head alone that, on the base's features."""
    if not chapter.transfer:
        return model, dataset
    model.freeze(chosen(model.weights(), chapter.transfer.prefixes(config, recipe.trained)))
    if recipe.trained != "head":
        return model, dataset
    return model.head(), _with_features(model, dataset, chapter.predict_batch, report)


def _with_features(model: TrackModel, dataset: Dataset, batch_size: int, report: Report) -> Dataset:
    """Return the data set with the outputs of the base in place of the inputs of train and validation."""
    splits = {"train": dataset.train, "validation": dataset.validation}
    total, done = sum(map(len, splits.values())), 0

    def features(prepared: Inputs) -> np.ndarray:
        nonlocal done
        found = model.features(prepared)
        done += len(found)
        report("features", {"done": done, "of": total})
        return found

    made = {
        name: replace(split, inputs=in_batches(features, dataset, split.inputs, batch_size), seen=split.inputs)
        for name, split in splits.items()
    }
    return replace(dataset, **made, prepare=lambda features: features, augment=None)


class Stage:
    """One stage: warm-up, epochs with validation."""

    def __init__(
        self,
        model: TrackModel,
        dataset: Dataset,
        recipe: Recipe,
        chapter: Chapter,
        seed: int,
        watch: Stopwatch,
        report: Report,
    ):
        self._model, self._dataset, self._recipe, self._chapter = model, dataset, recipe, chapter
        self._seed, self._watch, self._report = seed, watch, report

    def run(self, progress: Progress) -> None:
        """Train all epochs."""
        batches = TrainingBatches(self._dataset, self._dataset.train, self._recipe.batch_size, self._seed)
        learning_rates = self._recipe.learning_rates(self._recipe.epochs * len(batches))
        progress.history["learning_rate"] += learning_rates
        self._model.compile(self._recipe, learning_rates)
        self._warm_up()
        for _ in range(self._recipe.epochs):
            self._train_epoch(batches, progress)

    def _warm_up(self) -> None:
        self._report("warming up", {})
        batch = next(TrainingBatches(self._dataset, self._dataset.train, self._recipe.batch_size, 0).epoch(0))
        self._watch.time("warm_up", lambda: self._model.warm_up(batch))

    def _train_epoch(self, batches: TrainingBatches, progress: Progress) -> None:
        epoch = len(progress.epochs)
        clock = Stopwatch(self._watch.track)
        feed = TimedIterator(batches.epoch(epoch, progress.digest))
        clock.time("train", lambda: self._train_batches(feed, len(batches), progress))
        self._report("validating", {})
        logits = self._watch.time("validation", self._predict_validation)
        scores = metrics.evaluate(logits, self._dataset.validation.labels)
        done = EpochRecord(
            epoch=epoch + 1,
            trained=self._recipe.trained,
            examples=len(batches) * self._recipe.batch_size,
            train_loss=float(np.mean(progress.history["loss"][-len(batches) :])),
            validation_loss=scores["loss"],
            validation_metric=scores[self._chapter.metric],
            seconds=clock.seconds["train"],
            feeding_seconds=feed.seconds,
        )
        progress.epochs.append(done)
        self._report("epoch", done.model_dump())

    def _predict_validation(self) -> np.ndarray:
        return in_batches(
            self._model.predict, self._dataset, self._dataset.validation.inputs, self._chapter.predict_batch
        )

    def _train_batches(self, feed: "TimedIterator", count: int, progress: Progress) -> None:
        losses = progress.history["loss"]
        told = len(losses)
        start = reported = time.perf_counter()
        for number, batch in enumerate(feed, start=1):
            losses.append(self._model.train_step(batch))
            if not math.isfinite(losses[-1]):
                epoch = len(progress.epochs) + 1
                raise TrainingError(f"the loss became {losses[-1]} in epoch {epoch}, step {number}")
            now = time.perf_counter()
            if now - reported > REPORT_SECONDS or number == count:
                reported = now
                self._report("training", _figures(progress, told, number * self._recipe.batch_size / (now - start)))
                told = len(losses)


def _figures(progress: Progress, told: int, examples_per_second: float) -> dict[str, object]:
    """Describe where training is; `told` steps have been reported before."""
    losses = progress.history["loss"]
    return {
        "step": len(losses),
        "steps": progress.steps,
        "loss": float(np.mean(losses[-20:])),
        "losses": losses[told:],
        "learning_rates": progress.history["learning_rate"][told : len(losses)],
        "examples_per_second": examples_per_second,
    }


class TimedIterator:
    """An iterator that adds up the seconds spent on making its items."""

    def __init__(self, items: Iterator[Batch]):
        self._items, self.seconds = items, 0.0

    def __iter__(self) -> "TimedIterator":
        return self

    def __next__(self) -> Batch:
        start = time.perf_counter()
        try:
            return next(self._items)
        finally:
            self.seconds += time.perf_counter() - start


def in_batches(
    compute: Callable[[Inputs], np.ndarray], dataset: Dataset, stored: Inputs, batch_size: int
) -> np.ndarray:
    """Return what `compute` makes of stored inputs (examples, ...), prepared and `batch_size` examples at a time."""
    count = len(next(iter(by_name(stored).values())))
    parts = (each(lambda array, at=at: array[at : at + batch_size], stored) for at in range(0, count, batch_size))
    return np.concatenate([compute(dataset.prepare(part)) for part in parts])
