"""Recipes: optimizer, learning-rate schedule, batch size and epochs, as plain data."""

from dataclasses import dataclass
from typing import Literal

from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.schedules import Schedule

Trained = Literal["all", "head", "last_block"]
"""Weights that are trained: all, those of the head alone, or those of the head and of the base's last block."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained."""

    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    epochs: int
    trained: Trained = "all"
    """A head alone is trained on the features of the frozen base, which are computed once."""
    head_first: "Recipe | None" = None
    """A stage before this one, for the head alone."""

    @property
    def stages(self) -> "tuple[Recipe, ...]":
        """What is done one after the other; this recipe comes last."""
        return (self.head_first, self) if self.head_first else (self,)

    def learning_rates(self, steps: int) -> list[float]:
        """Return the learning rate of every one of `steps` training steps."""
        peak = self.optimizer.learning_rate
        return [peak * factor for factor in self.schedule.factors(steps, self.epochs)]
