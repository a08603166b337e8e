"""What is trained: a perceptron 8-16-4 with tanh, on fixed batches, by every optimizer. NumPy only."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from shared.training import SGD, Adam, AdamW, Constant, OneCycle, Optimizer, RMSprop, Schedule

STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 50, 12, 8, 16, 4

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(0.2),
    "momentum": SGD(0.1, momentum=0.9),
    "nesterov": SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(0.01),
    "rmsprop_momentum": RMSprop(0.01, rho=0.95, momentum=0.8, epsilon=1e-6),
    "adam": Adam(0.02),
    "adamw": AdamW(0.02),
}
SCHEDULES: dict[str, Schedule] = {"constant": Constant(), "one_cycle": OneCycle(0.3, 25.0, 1e4)}
TINY_LOSS = 1e-5
"""Factor of the loss that brings gradients near 1e-6, where epsilon decides."""


@dataclass(frozen=True)
class Case:
    optimizer: Optimizer
    schedule: Schedule
    loss_scale: float = 1.0

    @property
    def learning_rates(self) -> list[float]:
        return [self.optimizer.learning_rate * self.schedule.factor(step, STEPS) for step in range(STEPS)]


def _cases() -> dict[str, Case]:
    cases = {}
    for (name, optimizer), decay, schedule in product(OPTIMIZERS.items(), (0.0, 0.1), SCHEDULES):
        label = f"{name}{'-decay' if decay else ''}-{schedule}"
        cases[label] = Case(replace(optimizer, weight_decay=decay), SCHEDULES[schedule])
    with_epsilon = [label for label, case in cases.items() if not isinstance(case.optimizer, SGD)]
    for label in with_epsilon:
        if label.endswith(("-decay-one_cycle", "-constant")) and not label.endswith("-decay-constant"):
            cases[f"{label}-tiny"] = replace(cases[label], loss_scale=TINY_LOSS)
    return cases


CASES = _cases()


def initial_weights() -> list[np.ndarray]:
    """Kernel (inputs, hidden), bias, kernel (hidden, classes), bias; the biases are not zero, so that they decay."""
    draw = np.random.default_rng(1).normal
    shapes = ((INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))
    return [draw(scale=0.4, size=shape) for shape in shapes]


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs (batch, 8) in float64 and labels (batch,), for every step."""
    random = np.random.default_rng(2)
    return [
        (random.normal(size=(BATCH, INPUTS)), random.integers(CLASSES, size=BATCH, dtype=np.int32))
        for _ in range(STEPS)
    ]
