"""Recipes: optimizer, learning-rate schedule, batch size and epochs, as plain data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from twotrack.shared.spec.augmentation import Shift
from twotrack.shared.spec.initialisers import Initialiser
from twotrack.shared.spec.loss_specs import Loss
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.schedules import ROUNDING, Schedule
from twotrack.shared.spec.track import RunPrecision


@dataclass(frozen=True)
class EarlyStopping:
    """Training ends before its last epoch where epochs bring nothing more (Prechelt 1998).

    An epoch is better than the best so far if its loss on the validation split is smaller by more than min_delta.
    After `patience` epochs in a row that are not, training ends; 0 ends it at the first. It ends a recipe's stage.
    """

    patience: int
    min_delta: float = 0.0
    restore_best: bool = True
    """Training ends, early or not, with the weights of the best epoch; else with those of the last."""


Kept = Literal["all", "last", "best"]
"""Which checkpoints stay: all, the last one, or that of the epoch with the smallest loss on the validation split."""


@dataclass(frozen=True)
class Checkpoint:
    """A training leaves where it stands behind every `every`-th epoch, counted over all stages."""

    every: int
    keep: Kept = "all"

    def is_due(self, losses: Sequence[float]) -> bool:
        """Whether a checkpoint is left behind the last of some epochs, given their losses on the validation split."""
        due = losses[self.every - 1 :: self.every]
        is_due = bool(losses) and len(losses) % self.every == 0
        return is_due and (self.keep != "best" or len(due) == 1 or due[-1] < min(due[:-1]))


Trained = Literal["all", "head", "last_block"]
"""Weights that are trained: all, those of the head alone, or those of the head and of the base's last block."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained."""

    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    epochs: float
    """A last one that is not whole has the first batches of one only: 0.6 trains on the first 0.6 of an epoch."""
    trained: Trained = "all"
    """A head alone is trained on the features of the frozen base, which are computed once."""
    head_first: "Recipe | None" = None
    """A stage before this one, for the head alone."""
    early_stopping: EarlyStopping | None = None
    """Goes through all epochs if there is none."""
    loss: Loss | None = None
    """In place of the chapter's own, of the same outputs and targets; scores stay what they are."""
    checkpoint: Checkpoint | None = None
    """Of all stages; leaves nothing on the way if there is none."""
    initialiser: Initialiser | None = None
    """The law of kernels, but for recurrent ones; None for Glorot's uniform one."""
    shift: Shift | None = None
    """What is done to pictures before every track sees them, behind what the chapter does; None for nothing."""
    precision: RunPrecision = "float32"
    """That all stages train in, unless something else is asked for."""
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Settings of the model that the recipe states, as they are typed; those of the user come before them.

    Those that leave the weights as they are, such as dropout: a file of weights is read without its recipe.
    """

    @property
    def stages(self) -> "tuple[Recipe, ...]":
        """What is done one after the other; this recipe comes last."""
        return (self.head_first, self) if self.head_first else (self,)

    def steps(self, per_epoch: int) -> int:
        """Return the training steps of all epochs, of which a whole one has so many; one at least if there are any."""
        return max(1, math.floor(self.epochs * per_epoch + ROUNDING)) if self.epochs else 0

    def learning_rates(self, steps: int, per_epoch: int | None = None) -> list[float]:
        """Return the learning rate of every one of `steps` training steps.

        A whole epoch has `per_epoch` of them; None: the steps are all of the recipe's epochs, however many these are.
        """
        if per_epoch is None and self.epochs:
            per_epoch = max(1, int(steps // self.epochs))
        peak = self.optimizer.learning_rate
        return [peak * factor for factor in self.schedule.factors(steps, per_epoch)]
