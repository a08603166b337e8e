"""Worker tasks that make changes to a small torch model."""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from tests.diagnosis.faults.fault import PLAIN
from tests.diagnosis.faults.updates import torch_optimizer
from twotrack import CustomOptimizer
from twotrack.shared.spec.changes import Change, SetUpdate
from twotrack.shared.spec.probe import OptimizerStart
from twotrack.shared.verify import optimizer_material
from twotrack.shared.verify.result import relative
from twotrack.shared.workers.door import open_torch
from twotrack.shared.workers.task import task

CHECKPOINTS = (1, 2, 5, 50)


@dataclass(frozen=True)
class Asked:
    """An optimizer of torch."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Differences:
    """How far apart the weights are, relative."""

    told: float
    """Updated by the optimizer and by the settings that tell it."""
    undone: float
    """Updated by the optimizer before a change and behind it."""


@dataclass(frozen=True)
class Trained:
    """A change, made to the model of a pair."""

    changes: list[Change]


@cache
def _gradients(shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> dict[str, np.ndarray]:
    """Draw once for all optimizers: it takes longer than the steps."""
    return optimizer_material.draw_gradients(dict(shapes), optimizer_material.STEPS)


@task
def tell(asked: Asked) -> Differences:
    """Let an optimizer step on drawn gradients, then what stands in for it."""
    pair = replace(PLAIN, optimizer=CustomOptimizer(PLAIN.keras, torch_optimizer(asked.name, **asked.settings)))
    track = open_torch("auto")
    model = track.build(pair, 0, "float64")
    shapes = {name: array.shape for name, array in model.weights().items()}
    gradients = {name: array[: CHECKPOINTS[-1]] for name, array in _gradients(tuple(shapes.items())).items()}

    def run() -> list[dict[str, np.ndarray]]:
        start = OptimizerStart(optimizer_material.draw_parameters(shapes), CHECKPOINTS)
        return model.probe().run_optimizer(pair.optimizer, [], [start], gradients).parameters

    own = run()
    with track.changed(model, [SetUpdate(setting="rate", value=None)]):
        told = run()
    return Differences(_apart(own, told), _apart(own, run()))


@task
def change_and_undo(asked: Trained) -> list[bool]:
    """Return whether a loss and its gradients change with changes, and whether they are as before behind them."""
    track = open_torch("auto")
    model = track.build(PLAIN, 0, "float64")
    generator = np.random.default_rng(0)
    inputs, targets = {"input": generator.normal(size=(4, 5))}, [generator.normal(size=(4, 3))]

    def run() -> tuple[float, dict[str, np.ndarray]]:
        loss = model.backward(model.tensors(inputs), targets)
        return loss.item(), dict(model.gradients())

    before = run()
    with track.changed(model, asked.changes):
        changed = run()
    return [_equal(before, changed), _equal(before, run())]


def _equal(one: tuple[float, dict[str, np.ndarray]], other: tuple[float, dict[str, np.ndarray]]) -> bool:
    same = one[1].keys() == other[1].keys() and all(np.array_equal(one[1][name], other[1][name]) for name in one[1])
    return one[0] == other[0] and same


def _apart(one: list[dict[str, np.ndarray]], other: list[dict[str, np.ndarray]]) -> float:
    pairs = zip(one, other, strict=True)
    return max(relative(first[name], second[name]) for first, second in pairs for name in first)
