"""What the ladder puts a model through: a first batch, and a short training of the kind that a run is."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
import xxhash

from twotrack.shared.base.sizes import LARGE_MODEL, TRAINED_ALONE, values_of
from twotrack.shared.chapters.pairs import chapter_pair
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.runs.fitting import Listener, Step, Stopwatch, TrainingProgress, TrainingStage, silent
from twotrack.shared.runs.stages import Fit
from twotrack.shared.spec.changes import Change, keras_end, on_keras
from twotrack.shared.spec.loop import LoopBatch, LoopNotes, TrainingLoop
from twotrack.shared.spec.optimizers import Optimizer, Sophia
from twotrack.shared.spec.pair import CustomOptimizer, Pair
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import plateau_of
from twotrack.shared.spec.sides import SideName
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.verify import evidence, material, optimizer_material
from twotrack.shared.verify.material import PairBatches, draw_inputs, draw_targets, draw_weights
from twotrack.shared.verify.own_material import Arrays, batch_of, unmet
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.trace import Kind
from twotrack.shared.weights.made import MadeWeights

EPOCHS, STEPS_PER_EPOCH = 2, 10
"""Of the short training's last stage; a stage before it has one epoch."""
STEPS_OF_LARGE = 3
"""In an epoch of a large model, whose optimizer the rung optimizer looks at alone."""
VALIDATED = 2
"""Batches of a chapter's validation split."""

Shapes = Sequence[tuple[int, ...]]
"""Of the model's outputs, batch included."""


@dataclass(frozen=True)
class Rehearsal:
    """What a short training came to, beside what its listener heard."""

    batches: str
    """XXH3-128 of the bytes of all batches."""
    learning_rates: list[float]
    """What was asked for, by step."""
    validation: list[float]
    """After every epoch: the loss on a chapter's validation split; none for a pair."""
    loop: LoopNotes | None = None
    """What was seen of the optimizer of a training function of the user's own."""


class Exercise(ABC):
    """A pair, and what both of its sides are fed."""

    pair: Pair
    changes: Sequence[Change] = ()
    """To be made to the side."""
    in_full: Collection[Kind] = ()
    """Of what all values are kept, however large the model is."""
    optimizer_steps = optimizer_material.STEPS
    """Of the rung optimizer."""
    large_from = LARGE_MODEL
    """Values of the weights from which on a model is large."""
    is_large = False
    """The side's model is, as who built it says."""
    has_own_weights = False
    """It starts with weights of the user's own."""
    ends_after: int | None = None
    """Batches that a training function of the user's own is given; None for all."""
    has_data = False
    """Its tokens and masks are those of a data set; else nothing says which ones it gets."""

    @property
    def drawn(self) -> "Exercise":
        """The same on drawn weights and inputs, on which probes look for differences."""
        return self

    def weights(self, shapes: Mapping[str, tuple[int, ...]], scale: float = 1.0) -> MadeWeights:
        """Return the weights that a side starts with, of canonical shapes, times `scale` but for constants."""
        return draw_weights(shapes, self.pair.weight_map.constants, scale)

    @abstractmethod
    def inputs(self) -> Mapping[str, np.ndarray]:
        """Return inputs (batch, ...) by name for the rungs forward and gradients."""

    @abstractmethod
    def targets(self, outputs: Shapes) -> Sequence[np.ndarray]:
        """Return targets for these inputs, one for each output."""

    @abstractmethod
    def unmet_ids(self) -> Mapping[int, int]:
        """Return how many ids no training batch holds, by the size of their input; none where a data set has them."""

    @abstractmethod
    def planned(self) -> list[tuple[Optimizer, list[float]]]:
        """Return, for each stage of a whole run, the optimizer and the learning rate of every step.

        None for an optimizer of the user's own, which has its own learning rates.
        """

    @abstractmethod
    def rehearse(self, model: TrackModel, outputs: Shapes, listen: Listener) -> Rehearsal:
        """Train the model for a few steps and epochs, as a run does, from the weights that it has."""


class PairExercise(Exercise):
    """A user's pair: batches that are drawn or the user's own, and the pair's optimizer for two epochs."""

    def __init__(self, pair: Pair, weights: Path | None = None, inputs: Path | None = None):
        if plateau_of(pair.schedule):
            raise UserError("Pair: expected a schedule that steps alone decide, found Plateau, which needs validation.")
        self.pair, self._folders = pair, (weights, inputs)
        self.has_own_weights = weights is not None
        self._weights, self._inputs = (evidence.load(Arrays, one).values if one else {} for one in self._folders)

    @property
    def drawn(self) -> "Exercise":
        """The same on drawn weights and inputs."""
        if not any(self._folders):
            return self
        exercise = PairExercise(self.pair)
        exercise.changes, exercise.in_full = self.changes, self.in_full
        exercise.optimizer_steps = self.optimizer_steps
        exercise.large_from, exercise.is_large = self.large_from, self.is_large
        return exercise

    @property
    def steps_per_epoch(self) -> int:
        """Of the short training; fewer for a large model, unless the optimizer is not run apart from it."""
        is_run_alone = not (self.pair.train or isinstance(self.pair.optimizer, CustomOptimizer | Sophia))
        return STEPS_OF_LARGE if self.is_large and is_run_alone else STEPS_PER_EPOCH

    def weights(self, shapes: Mapping[str, tuple[int, ...]], scale: float = 1.0) -> MadeWeights:
        """Return the user's own, and drawn ones where these have none of a name and shape: the rungs say so then."""
        drawn, own = super().weights(shapes, scale), self._weights
        return MadeWeights(
            shapes,
            lambda name, shape: scale * own[name] if name in own and own[name].shape == shape else drawn[name],
        )

    def inputs(self) -> Mapping[str, np.ndarray]:
        """Return the first batch."""
        return self._batch(0)

    def _batch(self, step: int) -> Mapping[str, np.ndarray]:
        if self._inputs:
            return batch_of(self._inputs, self.pair.batch_size, step)
        return draw_inputs(self.pair, step)

    def targets(self, outputs: Shapes) -> Sequence[np.ndarray]:
        """Draw targets."""
        return draw_targets(self.pair, outputs, 0)

    def unmet_ids(self) -> Mapping[int, int]:
        """Count those of large inputs."""
        steps = EPOCHS * self.steps_per_epoch
        if self._inputs:
            fed = [self._batch(step) for step in range(steps)]
            return unmet({name: np.concatenate([one[name] for one in fed]) for name in fed[0]}, self.pair.specs)
        return material.unmet_ids(self.pair, steps)

    def planned(self) -> list[tuple[Optimizer, list[float]]]:
        """Return as many steps as the optimizer does alone."""
        if self.pair.train or isinstance(self.pair.optimizer, CustomOptimizer):
            return []
        return [(self.pair.optimizer, self.pair.learning_rates(optimizer_material.STEPS))]

    def rehearse(self, model: TrackModel, outputs: Shapes, listen: Listener) -> Rehearsal:
        """Train in one stage, with a look at outputs after each epoch, as validation is one.

        One of many weights does no step to warm up, which would take its state twice.
        """
        if self.pair.train:
            return self._go_through(self.pair.train, model, outputs, listen)
        steps = EPOCHS * self.steps_per_epoch
        learning_rates = self.pair.learning_rates(steps)
        batches = PairBatches(self.pair, outputs, self.steps_per_epoch, self._batch)
        progress = TrainingProgress(steps)
        stage = TrainingStage(model, self.pair.optimizer, learning_rates, Stopwatch(), silent, listen)
        if not self.is_large and values_of(model.shapes()) <= TRAINED_ALONE:
            stage.prepare(next(batches.epoch(0)))
        for epoch in range(EPOCHS):
            stage.train_epoch(batches, epoch, progress)
            model.outputs(self.inputs())
        return Rehearsal(progress.digest.hexdigest(), learning_rates, [])

    def _go_through(self, loop: TrainingLoop, model: TrackModel, outputs: Shapes, listen: Listener) -> Rehearsal:
        """Let the user's own training function have all batches at once."""
        digest, done = xxhash.xxh3_128(), iter(range(EPOCHS * self.steps_per_epoch))

        def hear(loss: float, gradients: Mapping[str, np.ndarray] | None) -> None:
            epoch, number = divmod(next(done), self.steps_per_epoch)
            listen(Step(epoch, number + 1, loss, gradients))

        given = self.loop_batches(outputs, digest)
        notes = model.run_loop(loop, islice(given, self.ends_after), hear)
        deque(given, maxlen=0)  # a function that ended early was to be given the same batches
        return Rehearsal(digest.hexdigest(), [], [], notes)

    def loop_batches(self, outputs: Shapes, digest: xxhash.xxh3_128 | None = None) -> Iterator[LoopBatch]:
        """Yield what a training function is given; add the bytes of each batch to `digest`."""
        batches = PairBatches(self.pair, outputs, self.steps_per_epoch, self._batch)
        return chain.from_iterable(batches.epoch(epoch, digest) for epoch in range(EPOCHS))


class ChapterExercise(Exercise):
    """A chapter: its own data and its recipe's stages, with few examples and small batches."""

    has_data = True

    def __init__(self, variant: ChapterVariant):
        self.pair, self._recipe = chapter_pair(variant), variant.recipe
        self._variant = replace(variant, recipe=short(variant.recipe, self.pair.batch_size))

    @cached_property
    def _loaded(self) -> Dataset:
        return self._variant.data()

    @cached_property
    def _dataset(self) -> Dataset:
        loaded, size = self._loaded, self.pair.batch_size
        train, validation = loaded.train.first(STEPS_PER_EPOCH * size), loaded.validation.first(VALIDATED * size)
        return replace(loaded, train=train, validation=validation)

    @cached_property
    def _first(self) -> Batch:
        size, loss = self.pair.batch_size, self._variant.chapter.loss
        return next(TrainingBatches(self._dataset, self._dataset.train, size, 0, loss).epoch(0))

    def inputs(self) -> Mapping[str, np.ndarray]:
        """Return the inputs of the first batch of an epoch."""
        return self._first.inputs

    def targets(self, outputs: Shapes) -> Sequence[np.ndarray]:
        """Return the targets of that batch."""
        return self._first.targets

    def unmet_ids(self) -> Mapping[int, int]:
        """Return none: its ids are those that there are."""
        return {}

    def planned(self) -> list[tuple[Optimizer, list[float]]]:
        """Return the stages of the recipe on all of the chapter's data."""
        examples = len(self._loaded.train)
        return [
            (stage.optimizer, stage.learning_rates(stage.steps(per_epoch), per_epoch))
            for stage in self._recipe.stages
            for per_epoch in [examples // stage.batch_size]
        ]

    def rehearse(self, model: TrackModel, outputs: Shapes, listen: Listener) -> Rehearsal:
        """Go through the recipe's stages, validation included."""
        fit = Fit(model, self._dataset, self._variant, 0, Stopwatch(), silent, listen)
        fit.run()
        validation = [epoch.validation_loss for epoch in fit.progress.epochs]
        history = fit.progress.history["learning_rate"]
        return Rehearsal(fit.progress.digest.hexdigest(), history, validation)


def short(recipe: Recipe, batch_size: int) -> Recipe:
    """Return the recipe with small batches and few epochs, all of them; stages and the forms of schedules stay."""
    first = recipe.head_first and replace(recipe.head_first, batch_size=batch_size, epochs=1)
    return replace(recipe, batch_size=batch_size, epochs=EPOCHS, head_first=first, early_stopping=None)


def find_exercise(request: VerifyRequest, side: SideName) -> Exercise:
    """Return what a chapter's pair, or the user's own, is put through, as one side has it."""
    exercise: Exercise
    if request.pair:
        exercise = PairExercise(loaded(request), request.own.weights_of(side), request.own.inputs)
    else:
        exercise = ChapterExercise(request.variant)
    exercise.pair = exercise.pair.side(side)
    if request.outputs:
        exercise.pair = replace(exercise.pair, outputs=request.outputs)
    if not side.is_reference:
        exercise.ends_after = keras_end(request.changes)
    exercise.changes = request.changes if side.is_reference else on_keras(request.changes)
    exercise.in_full = request.in_full
    exercise.optimizer_steps = request.optimizer_steps
    exercise.large_from = request.large_from
    return exercise


def loaded(request: VerifyRequest) -> Pair:
    """Return the user's pair, with what is known of its weights."""
    if request.pair is None:
        raise ValueError(f"'{request.name}' is no pair of the user's")
    pair = request.pair.load()
    return pair.with_map(request.weight_map) if request.weight_map else pair
