"""Training proper: a model starts from the same numbers in every track, then goes through the recipe's stages."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import xxhash

from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import Batch, Batches
from twotrack.shared.datasets.shifting import shifted
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.runs import warm_start
from twotrack.shared.runs.records import Continued, EpochRecord
from twotrack.shared.spec.inputs import ONLY, Inputs, each
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.track import Precision, Track, TrackModel
from twotrack.shared.spec.transfer import chosen
from twotrack.shared.weights import initial
from twotrack.shared.workers.task import Report

REPORT_SECONDS = 0.2


def silent(phase: str, figures: Mapping[str, Any] = MappingProxyType({}), /) -> None:
    """Tell nobody."""


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
class TrainingProgress:
    """What training has come to, over all stages."""

    steps: int
    """That there will be."""
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": [], "learning_rate": []})
    epochs: list[EpochRecord] = field(default_factory=list)
    digest: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)
    """Of all batches."""


class Step(NamedTuple):
    """A training step that was done."""

    epoch: int
    """0-based, over all stages."""
    number: int
    """From 1, in its epoch."""
    loss: float
    """On the step's batch, before the update."""
    gradients: Mapping[str, np.ndarray] | None = None
    """Canonical, where a training function of the user's records any."""


Listener = Callable[[Step], None]
"""Hears of every step."""


def require_finite(step: Step) -> None:
    """Raise TrainingError if the loss is not a finite number."""
    if not math.isfinite(step.loss):
        raise TrainingError(f"the loss became {step.loss} in epoch {step.epoch + 1}, step {step.number}")


def fresh_model(
    track: Track,
    variant: ChapterVariant,
    seed: int,
    precision: Precision = "float32",
    switched: Collection[str] = (),
    continues: Continued | None = None,
    weights: Mapping[str, np.ndarray] | None = None,
) -> TrackModel:
    """Build a chapter's model and give it the weights with which training begins.

    They are the same numbers in every track, or those of a finished run, or `weights`, those of a training that goes
    on. All of them are trainable until a stage freezes some. Raises UserError if pretrained weights or the run cannot
    be had.
    """
    model = track.build(whole_pair(variant), seed, precision, switched)
    if weights is not None:
        model.load_weights(weights)
    elif continues:
        warm_start.load(model, continues)
    else:
        load_start(model, variant, seed)
    return model


def load_start(model: TrackModel, variant: ChapterVariant, seed: int, only: Collection[str] | None = None) -> None:
    """Load the chapter's initial weights, all or only some: pretrained where there are, else drawn."""
    built = model.live_weights()
    own, shapes, law = model.switches.own_weights(built), model.shapes(), variant.recipe.initialiser
    model.load_weights(initial.start(variant.chapter.transfer, variant.config, shapes, seed, own, law), only)


def for_stage(
    model: TrackModel, dataset: Dataset, variant: ChapterVariant, recipe: Recipe, report: Report
) -> tuple[TrackModel, Dataset]:
    """Return what a stage trains, on which data: frozen as it says; for a head alone that, on the base's features."""
    chapter = variant.chapter
    if chapter.transfer:
        model.freeze(chosen(model.shapes(), chapter.transfer.prefixes(variant.config, recipe.trained)))
    if not chapter.transfer or recipe.trained != "head":
        return model, shifted(dataset, recipe.shift)
    return model.head(), _with_features(model, dataset, chapter.predict_batch, report)


def _with_features(model: TrackModel, dataset: Dataset, batch_size: int, report: Report) -> Dataset:
    """Return the data set with the outputs of the base in place of the inputs of train and validation."""
    total, examples_done = len(dataset.train) + len(dataset.validation), 0

    def features(prepared: Inputs) -> np.ndarray:
        nonlocal examples_done
        computed = model.features(prepared)
        examples_done += len(computed)
        report("features", {"done": examples_done, "of": total})
        return computed

    def of_features(split: Split) -> Split:
        computed = in_batches(features, dataset, split.inputs, batch_size)
        return replace(split, inputs={ONLY: computed}, seen=split.inputs)

    train, validation = of_features(dataset.train), of_features(dataset.validation)
    return replace(dataset, train=train, validation=validation, prepare=lambda features: features, augment=None)


class Feed:
    """An iterator over batches that adds up their examples, and the seconds spent on making them."""

    def __init__(self, batches: Iterator[Batch]):
        self._batches, self.seconds, self.examples = batches, 0.0, 0

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> Batch:
        start = time.perf_counter()
        try:
            batch = next(self._batches)
        finally:
            self.seconds += time.perf_counter() - start
        self.examples += len(batch.targets[0])
        return batch


class EpochSeconds(NamedTuple):
    """What an epoch took, without validation."""

    training: float
    """Feeding included."""
    feeding: float
    """Making batches."""


class TrainingStage:
    """One stage: loss and optimizer attached, a warm-up that is undone, then epochs."""

    def __init__(
        self,
        model: TrackModel,
        optimizer: Optimizer | CustomOptimizer,
        learning_rates: Sequence[float],
        watch: Stopwatch,
        report: Report = silent,
        listen: Listener = require_finite,
    ):
        self._model, self._watch, self._report, self._listen = model, watch, report, listen
        model.compile(optimizer, learning_rates)

    def prepare(self, batch: Batch) -> None:
        """Let the framework compile its training step and allocate; what the step on the batch did is undone."""
        self._report("warming up", {})
        self._watch.time("warm_up", lambda: self._model.warm_up(batch.inputs, batch.targets))

    def steps(self, batches: Iterable[Batch]) -> Iterator[float]:
        """Do a step on each batch; yield its loss before the update."""
        return self._model.train_steps(batches)

    def train_epoch(self, batches: Batches, epoch: int, progress: TrainingProgress) -> EpochSeconds:
        """Train on the batches of one epoch (0-based)."""
        clock = Stopwatch(self._watch.track)
        feed = Feed(batches.epoch(epoch, progress.digest))
        clock.time("train", lambda: self._train(feed, epoch, len(batches), progress))
        return EpochSeconds(clock.seconds["train"], feed.seconds)

    def _train(self, feed: Feed, epoch: int, count: int, progress: TrainingProgress) -> None:
        losses = progress.history["loss"]
        reported_steps = len(losses)
        start = reported = time.perf_counter()
        for number, loss in enumerate(self.steps(feed), start=1):
            losses.append(loss)
            self._listen(Step(epoch, number, loss))
            now = time.perf_counter()
            if now - reported > REPORT_SECONDS or number == count:
                reported = now
                self._report("training", _figures(progress, reported_steps, feed.examples / (now - start)))
                reported_steps = len(losses)


def _figures(progress: TrainingProgress, reported_steps: int, examples_per_second: float) -> dict[str, object]:
    """Describe where training is; `reported_steps` of its steps have been reported before."""
    losses = progress.history["loss"]
    return {
        "step": len(losses),
        "steps": progress.steps,
        "loss": float(np.mean(losses[-20:])),
        "losses": losses[reported_steps:],
        "learning_rates": progress.history["learning_rate"][reported_steps : len(losses)],
        "examples_per_second": examples_per_second,
    }


def in_batches(
    compute: Callable[[Inputs], np.ndarray], dataset: Dataset, stored: Inputs, batch_size: int
) -> np.ndarray:
    """Return what `compute` makes of stored inputs (examples, ...), prepared and `batch_size` examples at a time."""

    def outputs(first: int) -> np.ndarray:
        return compute(dataset.prepare(each(lambda array: array[first : first + batch_size], stored)))

    count = len(next(iter(stored.values())))
    return np.concatenate([outputs(first) for first in range(0, count, batch_size)])
