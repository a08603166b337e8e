"""Penalties and constraints over long runs of optimizers on drawn gradients, and the same in NumPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.optimizers import formulas, long_cases, long_tasks
from tests.optimizers.formulas import Slots
from twotrack import SGD, Adam
from twotrack.shared.spec.probe import OptimizerStart
from twotrack.shared.spec.regularisation import L1, L2, MaxNorm, NonNegative, Orthogonal, UnitNorm
from twotrack.shared.spec.sides import SideName
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

CALM = 1e-8
"""Times the gradients where an orthogonal penalty would drive large weights to infinity."""
Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """What is held to weights, and by what optimizer they are moved."""

    penalties: tuple[Any, ...] = ()
    constraints: tuple[Any, ...] = ()
    optimizer: Any = SGD(0.01)  # noqa: RUF009 - frozen
    scale: float = 1.0


CASES: dict[str, Case] = {
    "L1": Case((L1(0.03),)),
    "L2": Case((L2(0.03),)),
    "L2, momentum": Case((L2(0.03),), optimizer=SGD(0.01, momentum=0.9)),
    "L2, Adam": Case((L2(0.03),), optimizer=Adam(1e-3)),
    "L2 of biases": Case((L2(0.02, weights="*.bias"), L1(0.01, weights=("norm.*",)))),
    "Orthogonal": Case((Orthogonal(0.02),), scale=CALM),
    "Orthogonal, Adam": Case((Orthogonal(0.02),), optimizer=Adam(1e-3), scale=CALM),
    "MaxNorm": Case(constraints=(MaxNorm(limit=1.5),)),
    "MaxNorm of a convolution": Case(constraints=(MaxNorm(limit=1.5, axes=(0, 1), weights="conv.kernel"),)),
    "UnitNorm": Case(constraints=(UnitNorm(),)),
    "NonNegative": Case(constraints=(NonNegative(weights="*"),)),
    "all": Case(
        (L2(0.03), L1(0.01, weights="*.bias")), (MaxNorm(limit=1.5), NonNegative(weights="*.bias")), Adam(1e-3)
    ),
}


@dataclass(frozen=True)
class Asked:
    track: str
    steps: int
    names: list[str]
    """Of CASES."""


@task
def strays(asked: Asked) -> dict[str, float]:
    """Return the largest difference of each case's weights from NumPy's, relative to a number's size above 1."""
    track = open_track(asked.track, "cpu")
    return {name: _stray(asked, track, CASES[name]) for name in asked.names}


def _stray(asked: Asked, track: Any, case: Case) -> float:
    pair = replace(long_tasks.PAIR, penalties=case.penalties, constraints=case.constraints)
    model = track.build(pair.side(SideName(asked.track)), 0, "float64")
    rates, gradients = long_cases.learning_rates(case.optimizer, asked.steps), long_cases.gradients(asked.steps)
    start = OptimizerStart(long_cases.start(), [asked.steps], case.scale)
    found = model.probe().run_optimizer(case.optimizer, rates, [start], gradients).parameters[-1]
    wanted = by_hand(case, start.scaled(gradients), rates)
    assert not [name for name, one in wanted.items() if np.array_equal(one, start.parameters[name])]
    return float(np.max([(np.abs(found[n] - own) / np.maximum(1, np.abs(own))).max() for n, own in wanted.items()]))


# === In NumPy ===


def by_hand(case: Case, gradients: Mapping[str, np.ndarray], rates: list[float]) -> Weights:
    """Return the weights after all steps."""
    weights, slots = long_cases.start(), {name: Slots() for name in gradients}
    step = formulas.STEPS[type(case.optimizer).__name__]
    for number, rate in enumerate(rates):
        for name, own in gradients.items():
            g = own[number] + sum(penalty_gradient(one, weights[name]) for one in _of(case.penalties, name))
            moved = weights[name] - step(case.optimizer, slots[name], name, weights[name], g, rate, number + 1)
            for constraint in _of(case.constraints, name):
                moved = limited(constraint, moved)
            weights[name] = moved
    return weights


def _of(held: tuple[Any, ...], name: str) -> list[Any]:
    return [one for one in held if name in one.chosen(list(long_cases.SHAPES))]


def penalty_gradient(penalty: Any, w: np.ndarray) -> np.ndarray:
    matrix = w.reshape(-1, w.shape[-1])
    gradient: dict[type, Callable[[], np.ndarray]] = {
        L1: lambda: np.sign(w),
        L2: lambda: 2 * w,
        Orthogonal: lambda: (4 * matrix @ (matrix.T @ matrix - np.eye(w.shape[-1]))).reshape(w.shape),
    }
    return penalty.strength * gradient[type(penalty)]()


def limited(constraint: Any, w: np.ndarray) -> np.ndarray:
    if isinstance(constraint, NonNegative):
        return np.maximum(w, 0)
    norm = np.linalg.norm(w, axis=constraint.axes[0], keepdims=True)
    if len(constraint.axes) > 1:
        norm = np.sqrt((w**2).sum(axis=constraint.axes, keepdims=True))
    if isinstance(constraint, MaxNorm):
        return w * np.minimum(1.0, constraint.limit / norm)
    return w / norm
