"""What trains one linear layer for 2,000 steps: every loss, schedule, law of initial weights, and what else there is.

NumPy only. A head is one layer (features, outputs) with a link and its loss; batches are drawn for each step.
Optimizers, their options, penalties and constraints act on more kinds of weights: tests.optimizers.long_cases and
tests.losses.held_long.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tests.losses import cases as losses
from twotrack.shared.spec.initialisers import INITIALISERS, Initialiser, draw
from twotrack.shared.spec.loss_specs import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
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
    """One output, and what it is trained for."""

    case: losses.Case
    factor: float = 1.0
    name: LossName | None = None
    """What the pair says in place of the case's loss."""
    initialiser: Initialiser | None = None

    @property
    def lead(self) -> tuple[int, ...]:
        """Batch, and steps if there are any."""
        return self.case.shape[:-1]


@dataclass(frozen=True)
class Training:
    """One training of a layer for each head; a head is a row of the table, and no other has a say in its weights."""

    heads: dict[str, Head]
    optimizer: Optimizer = SGD(0.01, momentum=0.9)  # noqa: RUF009 - frozen
    schedule: Schedule = CYCLE
    penalties: tuple[Any, ...] = ()
    stopping: EarlyStopping | None = None

    @property
    def layers(self) -> dict[str, Head]:
        """The heads by the names of their layers."""
        return {f"out{number}": head for number, head in enumerate(self.heads.values())}

    @cached_property
    def first(self) -> Head:
        """All heads have its batch and steps."""
        return next(iter(self.heads.values()))

    @property
    def mask(self) -> np.ndarray | None:
        """Which steps are real for the heads that look at that."""
        return next((head.case.mask for head in self.heads.values() if head.case.mask is not None), None)

    @cached_property
    def start(self) -> dict[str, np.ndarray]:
        """Canonical weights."""
        found = {}
        for name, head in self.layers.items():
            generator, shape = np.random.default_rng([SEED, 1]), (FEATURES, head.case.shape[-1])
            found[f"{name}.kernel"] = generator.normal(size=shape) / 2
            found[f"{name}.bias"] = generator.normal(size=shape[1:]) / 4
            if head.initialiser is not None:
                found[f"{name}.kernel"] = draw(head.initialiser, np.random.default_rng(SEED), shape)
        return found

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of the first output, the same at every epoch."""
        x, (y, *_) = self.batch(STEPS)
        return x, y

    def batch(self, step: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return inputs (batch, ..., features) and a target for each head."""
        generator = np.random.default_rng([SEED, 2, step])
        x = generator.normal(size=(*self.first.lead, FEATURES))
        x = x if self.mask is None else x * self.mask[..., None]
        return x, [_target(generator, head) for head in self.heads.values()]

    @property
    def weights(self) -> list[np.ndarray]:
        """What every batch brings as weights, for the heads that take any."""
        return [head.case.weights for head in self.heads.values() if head.case.weights is not None]


def _target(generator: np.random.Generator, head: Head) -> np.ndarray:
    y = draw_target(generator, head.case.shape, head.case.loss.target_kind)
    if (ignored := getattr(head.case.loss, "ignored", None)) is not None:
        y.reshape(-1)[::3] = ignored
    return y


BY_NAME: tuple[tuple[LossName, Loss, int], ...] = (
    ("cross_entropy", CrossEntropy(), 3),
    ("binary_cross_entropy", BinaryCrossEntropy(), 1),
    ("mean_squared_error", SquaredError(), 3),
)
SQUARES = Head(losses.Case(SquaredError(), (6, 3)))
LOSSES: dict[str, Head] = {name: Head(case) for name, case in losses.CASES.items() if name != "nothing counts"}
LOSSES |= {f"{name}, by its name": Head(losses.Case(loss, (6, size)), name=name) for name, loss, size in BY_NAME}
LOSSES["cross-entropy, times 0.2"] = Head(losses.Case(CrossEntropy(label_smoothing=0.1), (6, 3)), 0.2)
STARTS = {name: Head(SQUARES.case, initialiser=spec) for name, spec in INITIALISERS.items()}


def _by_shape(heads: dict[str, Head]) -> dict[str, Training]:
    """Return a training for the heads of each batch and number of steps."""
    found: dict[tuple[int, ...], dict[str, Head]] = {}
    for name, head in heads.items():
        found.setdefault(head.lead, {})[name] = head
    return {f"losses of {'x'.join(map(str, lead))}": Training(own) for lead, own in found.items()}


PLATEAUS = {
    "Plateau": Plateau(0.5, patience=3, threshold=1e-3, cooldown=2, lowest=0.01),
    "Plateau, relative": Plateau(0.3, patience=2, threshold=0.01, relative=True),
}
TRAININGS: dict[str, dict[str, Training]] = {
    "losses": _by_shape(LOSSES) | {"alone": Training({"squares alone": SQUARES})},
    "plateaus": {name: Training({name: SQUARES}, schedule=spec) for name, spec in PLATEAUS.items()},
    "initialisers": {"laws": Training(STARTS)},
    "others": {
        "Activity": Training({"Activity": SQUARES}, penalties=(Activity("out0", l2=0.05, l1=0.02),)),
        "Sophia": Training(
            {"Sophia": Head(losses.Case(CrossEntropy(), (12, 3)), name="cross_entropy")},
            Sophia(0.05, beta_1=0.8, beta_2=0.7, gamma=3.0, epsilon=0.05, interval=3, weight_decay=0.1),
        ),
        "best": Training({"best weights": SQUARES}, schedule=Constant(), stopping=EarlyStopping(STEPS)),
        "early": Training({"early stopping": SQUARES}, schedule=Constant(), stopping=EarlyStopping(4)),
    },
}
"""By kind. Schedules without a say of the validation have rows of their own."""
RATES: dict[str, Schedule] = {
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
}
