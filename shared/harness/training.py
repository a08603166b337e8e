"""What a worker does with a job: the one training loop that every track goes through."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import xxhash

from shared import __version__, chapters, initial_weights, metrics
from shared.datasets.batches import Batch, TrainingBatches
from shared.datasets.spec import Dataset, Split
from shared.errors import UserError
from shared.harness.environment import environment, peak_resident_bytes, resident_bytes
from shared.harness.records import (
    SCHEMA_VERSION,
    DataRecord,
    EpochRecord,
    Job,
    MemoryRecord,
    RunRecord,
    TimingRecord,
)
from shared.harness.run_folder import RunWriter
from shared.track import Track, TrackModel, open_track
from shared.training import Recipe

Report = Callable[[str, Mapping[str, object]], None]
"""Tells the parent of progress: report(phase, figures)."""

PREDICT_BATCH = 250
"""Small, so that prediction does not set the peak of memory; it divides the splits of MNIST."""
REPORT_SECONDS = 0.2


class TrainingError(Exception):
    """Training cannot go on: the loss is not a finite number."""


@dataclass
class Stopwatch:
    """Seconds per named part of the work."""

    track: Track | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, part: str, work: Callable[[], object]) -> object:
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


class Trainer:
    """Trains the jobs of one track, one after the other, in this process."""

    def __init__(self, track: str, device: str):
        start = time.perf_counter()
        self._track = open_track(track, device)
        self._import_seconds = time.perf_counter() - start
        self._after_import = resident_bytes()

    def train(self, job: Job, report: Report) -> None:
        """Train, test once and leave the run folder `job.folder`.

        Raises TrainingError if the loss stops being finite, UserError if the folder cannot be written.
        """
        chapter = chapters.get(job.chapter)
        config = chapter.configure(job.settings)
        recipe = replace(chapter.recipe(job.recipe, job.settings), epochs=job.epochs)
        dataset = chapter.data(job.source)
        watch = Stopwatch(self._track)
        with RunWriter(job.folder) as writer:
            report("building", {})
            model = watch.time("build", lambda: self._track.build(chapter, config, job.seed))
            fit = Fit(model, dataset, recipe, job, watch, report)
            fit.run()
            report("testing", {})
            logits = watch.time("test", lambda: predict(model, dataset, dataset.test))
            predictions = {"logits": logits, "labels": dataset.test.labels}
            files = writer.write(fit.history, predictions, model.weights())
            writer.finish(
                RunRecord(
                    schema_version=SCHEMA_VERSION,
                    twotrack=__version__,
                    finished=datetime.now(UTC).isoformat(timespec="seconds"),
                    job=job,
                    device=self._track.device,
                    config=asdict(config),
                    recipe=describe(recipe),
                    data=_data_record(dataset, fit),
                    parameters=fit.parameters,
                    initial_weights=fit.initial_weights,
                    batches=fit.batches.fingerprint,
                    steps=len(fit.history["loss"]),
                    epochs=fit.epochs,
                    test=metrics.evaluate(logits, dataset.test.labels),
                    timing=TimingRecord(framework_import=self._import_seconds, **watch.seconds),
                    memory=self._memory(),
                    environment=environment(),
                    files=files,
                )
            )

    def _memory(self) -> MemoryRecord:
        return MemoryRecord(
            after_import=self._after_import,
            peak=peak_resident_bytes(),
            peak_device=self._track.peak_device_memory(),
        )


class Fit:
    """Training proper: initial weights, warm-up, epochs with validation."""

    def __init__(self, model: TrackModel, dataset: Dataset, recipe: Recipe, job: Job, watch: Stopwatch, report: Report):
        self._model, self._dataset, self._recipe = model, dataset, recipe
        self._job, self._watch, self._report = job, watch, report
        split = dataset.train.first(job.examples) if job.examples else dataset.train
        if len(split) < recipe.batch_size:
            raise UserError(
                f"the training split of '{dataset.source}' has {len(split)} examples, less than one batch of "
                f"{recipe.batch_size}; give a file with more rows."
            )
        self.batches = TrainingBatches(dataset, split, recipe.batch_size, job.seed)
        self.epochs: list[EpochRecord] = []
        self._learning_rates = recipe.learning_rates(recipe.epochs * len(self.batches))
        self.history: dict[str, list[float]] = {"loss": [], "learning_rate": self._learning_rates}

    def run(self) -> None:
        """Start every track from the same numbers, warm up, train all epochs."""
        self._load_initial_weights()
        self._model.compile(self._recipe, self._learning_rates)
        self._report("warming up", {})
        warm_up_batch = next(TrainingBatches(self._dataset, self._dataset.train, self._recipe.batch_size, 0).epoch(0))
        self._watch.time("warm_up", lambda: self._model.warm_up(warm_up_batch))
        for epoch in range(self._recipe.epochs):
            self._train_epoch(epoch)

    def _load_initial_weights(self) -> None:
        shapes = {name: array.shape for name, array in self._model.weights().items()}
        self._model.load_weights(initial_weights.draw(shapes, self._job.seed))
        loaded = self._model.weights()
        self.initial_weights = {name: xxhash.xxh3_128_hexdigest(array) for name, array in loaded.items()}
        self.parameters = sum(loaded[name].size for name in self._model.trainable_names())

    def _train_epoch(self, epoch: int) -> None:
        clock = Stopwatch(self._watch.track)
        feed = TimedIterator(self.batches.epoch(epoch))
        clock.time("train", lambda: self._train_batches(feed, epoch))
        self._report("validating", {})
        logits = self._watch.time("validation", lambda: predict(self._model, self._dataset, self._dataset.validation))
        scores = metrics.evaluate(logits, self._dataset.validation.labels)
        done = EpochRecord(
            epoch=epoch + 1,
            train_loss=float(np.mean(self.history["loss"][-len(self.batches) :])),
            validation_loss=scores["loss"],
            validation_metric=scores[chapters.get(self._job.chapter).metric],
            seconds=clock.seconds["train"],
            feeding_seconds=feed.seconds,
        )
        self.epochs.append(done)
        self._report("epoch", done.model_dump())

    def _train_batches(self, feed: "TimedIterator", epoch: int) -> None:
        losses = self.history["loss"]
        start = reported = time.perf_counter()
        for number, batch in enumerate(feed, start=1):
            losses.append(self._model.train_step(batch))
            if not math.isfinite(losses[-1]):
                raise TrainingError(f"the loss became {losses[-1]} in epoch {epoch + 1}, step {number}")
            now = time.perf_counter()
            if now - reported > REPORT_SECONDS or number == len(self.batches):
                reported = now
                self._report("training", self._progress(number * self._recipe.batch_size / (now - start)))

    def _progress(self, examples_per_second: float) -> dict[str, object]:
        losses = self.history["loss"]
        return {
            "step": len(losses),
            "steps": len(self._learning_rates),
            "loss": float(np.mean(losses[-20:])),
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


def predict(model: TrackModel, dataset: Dataset, split: Split) -> np.ndarray:
    """Return the model's outputs for a whole split, in batches."""
    starts = range(0, len(split), PREDICT_BATCH)
    parts = (split.take(slice(at, at + PREDICT_BATCH)) for at in starts)
    return np.concatenate([model.predict(dataset.prepare(part.inputs)) for part in parts])


def describe(recipe: Recipe) -> dict[str, object]:
    """Return the recipe as plain data, with the names of optimizer and schedule."""
    plain = asdict(recipe)
    plain["optimizer"] = {"name": type(recipe.optimizer).__name__} | plain["optimizer"]
    plain["schedule"] = {"name": type(recipe.schedule).__name__} | plain["schedule"]
    return plain


def _data_record(dataset: Dataset, fit: Fit) -> DataRecord:
    return DataRecord(
        name=dataset.name,
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        train=fit.batches.examples,
        validation=len(dataset.validation),
        test=len(dataset.test),
    )


@lru_cache
def _trainer(track: str, device: str) -> Trainer:
    """Import the framework once per process; a worker serves one track."""
    return Trainer(track, device)


def train(arguments: Mapping[str, object], report: Report) -> None:
    """Worker task: train the job in `arguments`."""
    job = Job.model_validate(arguments)
    report("starting", {})
    _trainer(job.track, job.device).train(job, report)
