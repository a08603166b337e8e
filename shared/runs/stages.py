"""All of a chapter's training, stage by stage: from its start, or from where another run of it has stopped."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.datasets.batches import PartOfEpoch, TrainingBatches
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation import metrics
from twotrack.shared.runs.fitting import (
    EpochSeconds,
    Listener,
    Step,
    Stopwatch,
    TrainingProgress,
    TrainingStage,
    for_stage,
    in_batches,
    require_finite,
)
from twotrack.shared.runs.judging import Judge
from twotrack.shared.runs.records import DataRecord, EpochRecord
from twotrack.shared.runs.replay import replay
from twotrack.shared.runs.training_state import Place, TrainingState, name_of
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.task import Report


@dataclass(frozen=True)
class Begun:
    """A training that goes on."""

    state: TrainingState
    history: Mapping[str, list[float]]
    epochs: Sequence[EpochRecord]
    """That are over."""
    batches: str
    """XXH3-128 of all batches that it has seen."""
    initial_weights: Mapping[str, str]
    """As its record has them."""
    data: DataRecord


class Fit:
    """All of a chapter's training, stage by stage, from the weights that the model has.

    With `begun` it goes on where that is; with `stop_after` it stops when so many steps are done in all. Behind epochs
    that the recipe asks checkpoints of, `at_checkpoint` sees it as it would be if it were stopped there.
    """

    def __init__(
        self,
        model: TrackModel,
        dataset: Dataset,
        variant: ChapterVariant,
        seed: int,
        watch: Stopwatch,
        report: Report,
        listen: Listener = require_finite,
        begun: Begun | None = None,
        stop_after: int | None = None,
        keeps_state: bool = False,
        at_checkpoint: "Callable[[Fit], None] | None" = None,
    ):
        self._model, self._dataset, self._variant, self._seed = model, dataset, variant, seed
        self._watch, self._report, self._listen, self._chapter = watch, report, listen, variant.chapter
        recipe = variant.recipe
        self._require_full_batch(recipe)
        self._stages = recipe.stages if recipe.epochs else ()
        steps = sum(stage.steps(len(dataset.train) // stage.batch_size) for stage in self._stages)
        self.progress = TrainingProgress(steps)
        self._trained: TrackModel | None = None
        """What the last stage trains."""
        self._begun, self._keeps_state, self._at_checkpoint = begun, keeps_state, at_checkpoint
        self._stop_after = steps if stop_after is None else stop_after
        if self._stop_after > steps:
            raise UserError(f"--stop-after: expected at most the {steps:,} steps of the training, found {stop_after}.")
        self._skipped = 0
        """Steps of this epoch that were done elsewhere."""
        self.stopped = False
        """There is something left to do."""
        self.state: TrainingState | None = None
        """Where training stands when `run` is over, if it is to be kept."""

    def _require_full_batch(self, recipe: Recipe) -> None:
        largest, examples = max(stage.batch_size for stage in recipe.stages), len(self._dataset.train)
        if examples < largest:
            raise UserError(
                f"the training split of '{self._dataset.source}' has {examples} examples, less than one batch "
                f"of {largest}; give a file with more rows."
            )

    def run(self) -> None:
        """Train stage by stage; where weights are averaged, a stage goes on from the averages of the one before."""
        is_averaged, first = False, self._take_up()
        for number, recipe in list(enumerate(self._stages))[first:]:
            if self._trained and is_averaged:
                with self._trained.averaged():
                    averages = self._trained.weights()
                self._trained.load_weights(averages)
            self._run_stage(number, recipe)
            if self.stopped:
                return
            is_averaged = recipe.optimizer.average is not None

    def averaged(self) -> AbstractContextManager[None]:
        """Return a block in which the weights are those that the recipe leaves: averages, where it asks for any."""
        return self._trained.averaged() if self._trained else nullcontext()

    def _run_stage(self, number: int, recipe: Recipe) -> None:
        def prepare() -> tuple[TrackModel, Dataset]:
            return for_stage(self._model, self._dataset, self._variant, recipe, self._report)

        model, dataset = self._watch.time("features", prepare)
        self._trained, judge = model, Judge(recipe, model)
        batches = TrainingBatches(dataset, dataset.train, recipe.batch_size, self._seed, self._chapter.loss)
        total = recipe.steps(len(batches))
        planned = recipe.learning_rates(total, len(batches))
        stage = TrainingStage(model, recipe.optimizer, planned, self._watch, self._report, self._hear)
        stage.prepare(next(batches.epoch(0)))
        place = self._place(number, model, judge)
        self._plan(model, planned, judge.share, place.done(len(batches)))
        while place.done(len(batches)) < total and not place.ended and self._left:
            end = min(len(batches), total - place.epochs * len(batches))
            place = self._train_epoch(stage, batches, place, end)
            if place.steps == end:
                self._validate(model, dataset, recipe, end, EpochSeconds(place.seconds, place.feeding_seconds))
                place = self._end_epoch(model, planned, judge, place, len(batches))
                self._leave_checkpoint(recipe, place, judge, place.done(len(batches)) == total)
        is_over = place.ended or place.done(len(batches)) == total
        self.stopped = not self._left and not (is_over and number == len(self._stages) - 1)
        del self.progress.history["learning_rate"][self._done :]
        if self._keeps_state and (self.stopped or number == len(self._stages) - 1):
            self.state = self._standing(recipe, place, judge)
        if not self.stopped:
            judge.load_best()

    # === One epoch ===

    @property
    def history(self) -> dict[str, list[float]]:
        """Loss and learning rate of the steps that are done."""
        return {name: values[: self._done] for name, values in self.progress.history.items()}

    @property
    def _done(self) -> int:
        """Steps, over all stages."""
        return len(self.progress.history["loss"])

    @property
    def _left(self) -> int:
        """Steps up to where training is to stop."""
        return self._stop_after - self._done

    def _hear(self, step: Step) -> None:
        self._listen(step._replace(number=step.number + self._skipped))

    def _train_epoch(self, stage: TrainingStage, batches: TrainingBatches, place: Place, end: int) -> Place:
        """Train to the end of the epoch, which has so many batches, or to where training is to stop."""
        stop, self._skipped = min(end, place.steps + self._left), place.steps
        is_whole = (place.steps, stop) == (0, len(batches))
        part = batches if is_whole else PartOfEpoch(batches, place.steps, stop)
        seconds = stage.train_epoch(part, len(self.progress.epochs), self.progress)
        training, feeding = place.seconds + seconds.training, place.feeding_seconds + seconds.feeding
        return place.model_copy(update={"steps": stop, "seconds": training, "feeding_seconds": feeding})

    def _end_epoch(
        self, model: TrackModel, planned: Sequence[float], judge: Judge, place: Place, per_epoch: int
    ) -> Place:
        """Let the validation loss decide how training goes on; an epoch that is not whole stays the last one."""
        before, ended = judge.share, judge.feed(self.progress.epochs[-1].validation_loss)
        if judge.share != before:
            self._plan(model, planned, judge.share, place.done(per_epoch))
        epochs, steps = divmod(place.done(per_epoch), per_epoch)
        return Place(stage=place.stage, epochs=epochs, steps=steps, ended=ended)

    def _leave_checkpoint(self, recipe: Recipe, place: Place, judge: Judge, was_last: bool) -> None:
        wanted, losses = self._variant.recipe.checkpoint, [epoch.validation_loss for epoch in self.progress.epochs]
        if self._at_checkpoint and wanted and wanted.is_due(losses):
            is_last = place.stage == len(self._stages) - 1
            self.stopped = not (is_last and (place.ended or was_last))
            self.state = self._standing(recipe, place, judge) if self._keeps_state else None
            self._at_checkpoint(self)
            self.stopped, self.state = False, None

    def _plan(self, model: TrackModel, planned: Sequence[float], share: float, done: int) -> None:
        """Let the learning rates behind the steps done of a stage be a share of those that were planned."""
        rates = self.progress.history["learning_rate"]
        rates[self._done :] = [share * rate for rate in planned[done:]]
        if share != 1.0:
            model.set_learning_rates(rates[self._done - done :])

    # === A training that goes on ===

    def _take_up(self) -> int:
        """Make the training that goes on this one's; return the stage that it has come to."""
        if not self._begun:
            return 0
        self.progress.history |= {name: list(values) for name, values in self._begun.history.items()}
        self.progress.epochs += self._begun.epochs
        self._watch.time("replay", self._replay)
        return self._begun.state.place.stage

    def _replay(self) -> None:
        """Hash the batches that were trained on; UserError if they are others."""
        assert self._begun
        self._report("reading the batches again", {})
        place, epochs, loss = self._begun.state.place, len(self._begun.epochs), self._chapter.loss
        replay(self.progress.digest, self._stages, self._dataset, self._seed, loss, place, epochs)
        if self.progress.digest.hexdigest() != self._begun.batches:
            raise UserError(
                "--from: the batches up to here are not those that the run was trained on; expected the same data, in "
                "the order of the same twotrack. Start a new training from its weights with --warm-start."
            )

    def _place(self, number: int, model: TrackModel, judge: Judge) -> Place:
        """Return where a stage begins: at its start, or where the training that goes on is."""
        if not self._begun or number != self._begun.state.place.stage:
            return Place(stage=number)
        state = self._begun.state
        try:
            model.load_optimizer_state(state.optimizer)
        except BridgeError as error:
            raise UserError(f"--from: the state is of another optimizer or model: {error}") from error
        model.reseed(int(np.random.default_rng([self._seed, self._done]).integers(2**31)))
        judge.go_on(state)
        return state.place

    def _standing(self, recipe: Recipe, place: Place, judge: Judge) -> TrainingState:
        """Return where training stands."""
        assert self._trained
        plateau, stopping, best = judge.state()
        optimizer = self._trained.optimizer_state()
        return TrainingState(
            place, name_of(recipe.optimizer), optimizer, self._model.weights(), plateau, stopping, best
        )

    def _validate(self, model: TrackModel, dataset: Dataset, recipe: Recipe, steps: int, seconds: EpochSeconds) -> None:
        self._report("validating", {})
        inputs, size = dataset.validation.inputs, self._chapter.predict_batch
        with model.averaged():
            logits = self._watch.time("validation", lambda: in_batches(model.predict, dataset, inputs, size))
        scores = metrics.evaluate(logits, dataset.validation.labels)
        record = EpochRecord(
            epoch=len(self.progress.epochs) + 1,
            trained=recipe.trained,
            examples=steps * recipe.batch_size,
            train_loss=float(np.mean(self.progress.history["loss"][-steps:])),
            validation_loss=scores["loss"],
            validation_metric=scores[self._chapter.metric],
            seconds=seconds.training,
            feeding_seconds=seconds.feeding,
        )
        self.progress.epochs.append(record)
        self._report("epoch", record.model_dump())
