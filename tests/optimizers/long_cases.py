"""Optimizers that step on drawn gradients of a few weights for 2,000 steps: every formula, every option. NumPy only."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from twotrack.shared.spec.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
)
from twotrack.shared.spec.schedules import OneCycle
from twotrack.shared.spec.update_options import (
    EMA,
    NO_DECAY,
    SWA,
    ClipGlobalNorm,
    ClipNorm,
    ClipValue,
    Group,
)
from twotrack.shared.verify import optimizer_material

SHAPES: Mapping[str, tuple[int, ...]] = {
    "table.embeddings": (5, 3),
    "conv.kernel": (2, 3, 4),
    "conv.bias": (4,),
    "norm.gamma": (4,),
    "norm.beta": (4,),
    "out.kernel": (4, 3),
}
"""Of the weights of tests.optimizers.long_tasks' model, canonical."""
STEPS, SHORT = 2000, 45
"""In the short form weights are averaged several times, and overwritten once."""

FORMULAS: dict[str, Optimizer] = {
    "SGD": SGD(0.01),
    "SGD, momentum": SGD(0.01, momentum=0.9),
    "SGD, Nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "SGD, dampening": SGD(0.01, momentum=0.9, dampening=0.3),
    "RMSprop": RMSprop(1e-3),
    "RMSprop, momentum": RMSprop(1e-3, momentum=0.8),
    "RMSprop, centred": RMSprop(1e-3, momentum=0.8, centered=True),
    "Adam": Adam(1e-3),
    "Adam, AMSGrad": Adam(1e-3, amsgrad=True),
    "AdamW": AdamW(1e-3),
    "Lion": Lion(1e-4),
    "Adagrad": Adagrad(0.01),
    "Adadelta": Adadelta(0.5),
    "Adamax": Adamax(1e-3),
    "Nadam": Nadam(1e-3),
    "Lamb": Lamb(1e-3),
    "Adafactor": Adafactor(0.01),
    "Muon": Muon(1e-3),
}
GROUPS = (Group(("table.*",), learning_rate=0.5), NO_DECAY)
OPTIONS: dict[str, Optimizer] = {
    "groups": AdamW(1e-3, weight_decay=0.1, groups=GROUPS),
    "groups, momentum": SGD(0.01, momentum=0.9, weight_decay=0.1, groups=GROUPS),
    "groups, Nadam": Nadam(1e-3, weight_decay=0.1, groups=GROUPS),
    "groups, Muon": Muon(1e-3, weight_decay=0.1, groups=GROUPS),
    "clip by value": SGD(0.01, momentum=0.9, clip=ClipValue(0.5)),
    "clip by norm": SGD(0.01, momentum=0.9, clip=ClipNorm(0.5)),
    "clip by norm, epsilon": SGD(0.01, momentum=0.9, clip=ClipNorm(0.5, epsilon=1e-6)),
    "clip by global norm": Adam(1e-3, clip=ClipGlobalNorm(0.5)),
    "clip by global norm, epsilon": SGD(0.01, clip=ClipGlobalNorm(0.5, epsilon=1e-6)),
    "accumulation": Adam(1e-3, weight_decay=0.1, accumulate=4),
    "EMA": Adam(1e-3, average=EMA(0.99)),
    "EMA, overwriting": SGD(0.01, momentum=0.9, average=EMA(0.9, overwrite_every=30)),
    "SWA": SGD(0.01, average=SWA(start=20, every=7)),
    "all": AdamW(1e-3, amsgrad=True, groups=GROUPS, clip=ClipGlobalNorm(1.0, 1e-6), accumulate=3, average=EMA(0.95)),
}


def _decayed(spec: Optimizer) -> Optimizer:
    return spec if spec.has_options else replace(spec, weight_decay=0.1)


CASES: dict[str, Optimizer] = {name: _decayed(spec) for name, spec in (FORMULAS | OPTIONS).items()}


def learning_rates(spec: Optimizer, steps: int) -> list[float]:
    """One cycle: another rate at every step."""
    schedule = OneCycle(0.3, 25.0, 1e4)
    return [spec.learning_rate * schedule.factor(step, STEPS) for step in range(steps)]


@cache
def gradients(steps: int) -> dict[str, np.ndarray]:
    """(steps, ...) by name, of sizes from 1e-12 to 1e6."""
    return {
        name: drawn[:steps]
        for name, drawn in optimizer_material.draw_gradients(SHAPES, optimizer_material.STEPS).items()
    }


def rows(steps: int) -> list[int]:
    """Rows of each batch, of which no two neighbours have as many."""
    return [1 + (5 * step) % 7 for step in range(steps)]


def start() -> dict[str, np.ndarray]:
    return optimizer_material.draw_parameters(SHAPES)
