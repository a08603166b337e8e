"""What trains one linear layer for 2,000 steps: every loss, schedule, law of initial weights, and what else there is.

NumPy only. Each case is one layer (features, outputs) with a link, its loss, and batches that are drawn for each step.
Optimizers, their options, penalties and constraints act on more kinds of weights: tests.optimizers.long_cases and
tests.losses.held_long.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tests.losses import cases as losses
from twotrack.shared.spec.initialisers import INITIALISERS, Initialiser, draw
from twotrack.shared.spec.loss_specs import AbsoluteError, BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.optimizers import SGD, Optimizer, Sophia
from twotrack.shared.spec.recipes import EarlyStopping
from twotrack.shared.spec.regularisation import Activity
from twotrack.shared.spec.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    Linear,
    OneCycle,
    PerEpoch,
    Piecewise,
    Plateau,
    Polynomial,
    Schedule,
    StepDecay,
    Warm,
    WarmUp,
)
from twotrack.shared.verify.material import draw_target

STEPS, EPOCH, SHORT = 2000, 20, 40
"""In all, in an epoch, and of the default tests."""
FEATURES, SEED = 4, 0
CYCLE = OneCycle(0.3, 25.0, 1e4)


@dataclass(frozen=True)
class Head:
    """One output: what it is trained for."""

    case: losses.Case
    factor: float = 1.0
    name: LossName | None = None
    """What the pair says in place of the case's loss."""

    @property
    def lead(self) -> tuple[int, ...]:
        """Batch, and steps if there are any."""
        return self.case.shape[:-1]


@dataclass(frozen=True)
class Case:
    """One training."""

    heads: dict[str, Head]
    optimizer: Optimizer = SGD(0.01, momentum=0.9)  # noqa: RUF009 - frozen
    schedule: Schedule = CYCLE
    initialiser: Initialiser | None = None
    penalties: tuple[Any, ...] = ()
    stopping: EarlyStopping | None = None

    @cached_property
    def start(self) -> dict[str, np.ndarray]:
        """Canonical weights."""
        generator, found = np.random.default_rng([SEED, 1]), {}
        for name, head in self.heads.items():
            shape = (FEATURES, head.case.shape[-1])
            found[f"{name}.kernel"] = generator.normal(size=shape) / 2
            found[f"{name}.bias"] = generator.normal(size=shape[1:]) / 4
            if self.initialiser is not None:
                found[f"{name}.kernel"] = draw(self.initialiser, np.random.default_rng(SEED), shape)
        return found

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of the first output, the same at every epoch."""
        x, (y, *_), _ = self.batch(STEPS)
        return x, y

    def batch(self, step: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
        """Return inputs (batch, ..., features), targets, and what the batch brings as weights."""
        generator = np.random.default_rng([SEED, 2, step])
        (first, *_) = self.heads.values()
        x = generator.normal(size=(*first.lead, FEATURES))
        if first.case.mask is not None:
            x = x * first.case.mask[..., None]
        targets = [self._target(generator, head) for head in self.heads.values()]
        return x, targets, [head.case.weights for head in self.heads.values() if head.case.weights is not None]

    @staticmethod
    def _target(generator: np.random.Generator, head: Head) -> np.ndarray:
        y = draw_target(generator, head.case.shape, head.case.loss.target_kind)
        if (ignored := getattr(head.case.loss, "ignored", None)) is not None:
            y.reshape(-1)[::3] = ignored
        return y


def alone(case: losses.Case, **rest: Any) -> Case:
    return Case({"out": Head(case)}, **rest)


BY_NAME: tuple[tuple[LossName, Loss, int], ...] = (
    ("cross_entropy", CrossEntropy(), 3),
    ("binary_cross_entropy", BinaryCrossEntropy(), 1),
    ("mean_squared_error", SquaredError(), 3),
)
SQUARES = losses.Case(SquaredError(), (6, 3))
LOSSES: dict[str, Case] = {name: alone(case) for name, case in losses.CASES.items() if name != "nothing counts"} | {
    f"{name}, by its name": Case({"out": Head(losses.Case(loss, (6, outputs)), name=name)})
    for name, loss, outputs in BY_NAME
}
LOSSES["outputs with weights"] = Case(
    {
        "species": Head(losses.Case(CrossEntropy(label_smoothing=0.1), (6, 3)), 0.2),
        "weight": Head(losses.Case(AbsoluteError(), (6, 1)), 0.8),
    }
)
RATES: dict[str, Case] = {
    name: alone(SQUARES, schedule=schedule)
    for name, schedule in {
        "Constant": Constant(),
        "StepDecay": StepDecay(300, 0.5),
        "StepDecay by shares": StepDecay(0.1, 0.7),
        "Exponential": Exponential(0.99, 7),
        "Exponential by shares": Exponential(0.01),
        "Cosine": Cosine(),
        "Cosine to a floor": Cosine(length=1500, end=0.1),
        "CosineRestarts": CosineRestarts(170),
        "CosineRestarts, longer": CosineRestarts(60, longer=2.0, end=0.05),
        "CosineRestarts, lower": CosineRestarts(0.05, longer=1.5, lower=0.7),
        "Linear": Linear(0.2, 1.0, 400),
        "Polynomial": Polynomial(2.0),
        "Polynomial to a floor": Polynomial(3.0, end=0.1, length=1700),
        "Piecewise": Piecewise((500, 1200), (1.0, 0.5, 0.1)),
        "Warm before Cosine": Warm(200, Cosine()),
        "Warm before Exponential, from a third": Warm(0.05, Exponential(0.999, 1), first=1 / 3),
        "Warm before restarts": Warm(100, CosineRestarts(0.3)),
        "OneCycle": CYCLE,
        "WarmUp": WarmUp(0.1),
        "PerEpoch": PerEpoch(StepDecay(10, 0.5), steps_per_epoch=EPOCH),
        "Plateau": Plateau(0.5, patience=3, threshold=1e-3, cooldown=2, lowest=0.01),
        "Plateau, relative": Plateau(0.3, patience=2, threshold=0.01, relative=True),
    }.items()
}
STARTS: dict[str, Case] = {name: alone(SQUARES, initialiser=spec) for name, spec in INITIALISERS.items()}
OTHERS: dict[str, Case] = {
    "Activity": alone(SQUARES, penalties=(Activity("out", l2=0.05, l1=0.02),)),
    "Sophia": Case(
        {"out": Head(losses.Case(CrossEntropy(), (12, 3)), name="cross_entropy")},
        Sophia(0.05, beta_1=0.8, beta_2=0.7, gamma=3.0, epsilon=0.05, interval=3, weight_decay=0.1),
    ),
    "best weights": alone(SQUARES, schedule=Constant(), stopping=EarlyStopping(STEPS)),
    "early stopping": alone(SQUARES, schedule=Constant(), stopping=EarlyStopping(4)),
}
CASES: dict[str, dict[str, Case]] = {
    "losses": LOSSES, "schedules": RATES, "initialisers": STARTS, "others": OTHERS
}  # fmt: skip
