"""What the validation losses of a stage decide: which epoch is the best, when training ends, how far its rates fall."""

import math
from collections.abc import Mapping

import numpy as np

from twotrack.shared.runs.training_state import StoppingRecord, TrainingState, known
from twotrack.shared.spec.recipes import EarlyStopping, Recipe
from twotrack.shared.spec.schedules import PlateauWatch, plateau_of
from twotrack.shared.spec.track import TrackModel


class Judge:
    """Is fed the validation loss behind every epoch of a stage."""

    def __init__(self, recipe: Recipe, model: TrackModel):
        plateau = plateau_of(recipe.schedule)
        self._watch, self._best = PlateauWatch(plateau) if plateau else None, Best(recipe.early_stopping, model)

    @property
    def share(self) -> float:
        """Of the planned learning rates, from here on."""
        return self._watch.share if self._watch else 1.0

    def feed(self, loss: float) -> bool:
        """Take in an epoch's loss; return whether training ends with it."""
        if self._watch:
            self._watch.feed(loss)
        return self._best.ends_with(loss)

    def load_best(self) -> None:
        """Load the weights of the best epoch, if they are kept."""
        self._best.restore()

    def state(self) -> tuple[Mapping[str, float] | None, StoppingRecord | None, Mapping[str, np.ndarray]]:
        """Return what the next losses are judged by: that of a plateau, that of early stopping, the best weights."""
        return self._watch.state if self._watch else None, self._best.record, self._best.weights

    def go_on(self, state: TrainingState) -> None:
        """Judge the next losses as the training would that the state is of."""
        if self._watch and state.plateau:
            self._watch.restore(state.plateau)
        if state.stopping:
            self._best.go_on(state.stopping, state.best)


class Best:
    """The best epoch of a stage so far, and its weights where they are to be had again."""

    def __init__(self, stopping: EarlyStopping | None, model: TrackModel):
        self._stopping, self._model = stopping, model
        self._loss, self._waited = math.inf, 0
        self.weights: Mapping[str, np.ndarray] = {}

    def ends_with(self, loss: float) -> bool:
        """Take in an epoch's loss on the validation split; return whether training ends with it."""
        if self._stopping is None:
            return False
        if loss < self._loss - self._stopping.min_delta:
            self._loss, self._waited = loss, 0
            self.weights = self._model.weights() if self._stopping.restore_best else {}
            return False
        self._waited += 1
        return self._waited >= max(self._stopping.patience, 1)

    def restore(self) -> None:
        """Load the best weights, if they are kept."""
        if self.weights:
            self._model.load_weights(self.weights)

    @property
    def record(self) -> StoppingRecord | None:
        """What the next losses are judged by; None without early stopping."""
        return StoppingRecord(best=known(self._loss), waited=self._waited) if self._stopping else None

    def go_on(self, record: StoppingRecord, weights: Mapping[str, np.ndarray]) -> None:
        """Judge the next losses by a record."""
        self._loss, self._waited = math.inf if record.best is None else record.best, record.waited
        self.weights = dict(weights)
