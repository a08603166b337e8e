"""What is trained: a perceptron 8-16-outputs with tanh, on fixed batches, by every optimizer. NumPy only."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.optimizers import SGD, Adam, AdamW, Lion, Optimizer, RMSprop, Sophia
from twotrack.shared.spec.schedules import Constant, OneCycle, Schedule

STEPS, BATCH, INPUTS, HIDDEN = 50, 12, 8, 16
OUTPUTS: dict[LossName, int] = {"cross_entropy": 4, "binary_cross_entropy": 1, "mean_squared_error": 3}

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.2),
    "momentum": SGD(0.1, momentum=0.9),
    "nesterov": SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(0.01),
    "rmsprop_momentum": RMSprop(0.01, rho=0.95, momentum=0.8, epsilon=1e-6),
    "adam": Adam(0.02),
    "adamw": AdamW(0.02),
    "lion": Lion(0.01),
    "sophia": Sophia(0.005),  # at four times the rate, clipping has enlarged rounding to 1e-11 after 50 steps
    "sophia_own": Sophia(0.05, beta_1=0.8, beta_2=0.7, gamma=3.0, epsilon=0.05, interval=3),  # mostly not clipped
}
SCHEDULES: dict[str, Schedule] = {"constant": Constant(), "one_cycle": OneCycle(0.3, 25.0, 1e4)}
TINY_LOSS = 1e-5
"""Factor of the loss that brings gradients near 1e-6, where epsilon decides."""


@dataclass(frozen=True)
class Case:
    optimizer: Optimizer
    schedule: Schedule
    loss_scale: float = 1.0
    loss: LossName = "cross_entropy"

    @property
    def learning_rates(self) -> list[float]:
        return [self.optimizer.learning_rate * self.schedule.factor(step, STEPS) for step in range(STEPS)]


def _cases() -> dict[str, Case]:
    cases = {}
    for (name, optimizer), decay, schedule in product(OPTIMIZERS.items(), (0.0, 0.1), SCHEDULES):
        label = f"{name}{'-decay' if decay else ''}-{schedule}"
        cases[label] = Case(replace(optimizer, weight_decay=decay), SCHEDULES[schedule])
    for label, case in tuple(cases.items()):
        if label.endswith(("-decay-one_cycle", "-constant")) and not label.endswith("-decay-constant"):
            if isinstance(case.optimizer, RMSprop | Adam):
                cases[f"{label}-tiny"] = replace(case, loss_scale=TINY_LOSS)
            if isinstance(case.optimizer, Sophia):  # the loss decides what labels it draws
                cases[f"{label}-binary"] = replace(case, loss="binary_cross_entropy")
                cases[f"{label}-real"] = replace(case, loss="mean_squared_error")
    return cases


CASES = _cases()


def initial_weights(loss: LossName = "cross_entropy") -> list[np.ndarray]:
    """Kernel (inputs, hidden), bias, kernel (hidden, outputs), bias; the biases are not zero, so that they decay."""
    draw = np.random.default_rng(1).normal
    shapes = ((INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, OUTPUTS[loss]), (OUTPUTS[loss],))
    return [draw(scale=0.4, size=shape) for shape in shapes]


def batches(loss: LossName = "cross_entropy") -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs (batch, 8) in float64 and targets, labels (batch,) or values (batch, outputs), for every step."""
    random = np.random.default_rng(2)
    draw = {
        "cross_entropy": lambda: random.integers(OUTPUTS[loss], size=BATCH, dtype=np.int32),
        "binary_cross_entropy": lambda: random.integers(2, size=(BATCH, 1)).astype(float),
        "mean_squared_error": lambda: random.normal(size=(BATCH, OUTPUTS[loss])),
    }[loss]
    return [(random.normal(size=(BATCH, INPUTS)), draw()) for _ in range(STEPS)]
