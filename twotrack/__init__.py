"""Prove that two models, one in Keras 3 and one in PyTorch, are the same model, or name where they differ.

>>> import twotrack
>>> twotrack.Pair, twotrack.verify  # doctest: +ELLIPSIS
(<class '...Pair'>, <function verify at ...>)

A name is imported when it is first used, so that `import twotrack` takes no time. No name imports a framework.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twotrack.api import Comparison, assert_same_model, compare, export, read_run, verify
    from twotrack.shared import __version__
    from twotrack.shared.errors import UserError, WorkerDiedError
    from twotrack.shared.recordings.standalone import Recorder, record
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
        RMSprop,
        Sophia,
    )
    from twotrack.shared.spec.pair import CustomLoss, CustomOptimizer, Input, Pair
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
        StepDecay,
        Warm,
        WarmUp,
    )
    from twotrack.shared.spec.update_options import (
        EMA,
        NO_DECAY,
        SWA,
        ClipGlobalNorm,
        ClipNorm,
        ClipValue,
        Group,
    )
    from twotrack.shared.weights.correspondence.rule import WeightRule

__all__ = [
    "EMA",
    "NO_DECAY",
    "SGD",
    "SWA",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ClipGlobalNorm",
    "ClipNorm",
    "ClipValue",
    "Comparison",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "CustomLoss",
    "CustomOptimizer",
    "Exponential",
    "Group",
    "Input",
    "Lamb",
    "Linear",
    "Lion",
    "Muon",
    "Nadam",
    "OneCycle",
    "Pair",
    "PerEpoch",
    "Piecewise",
    "Plateau",
    "Polynomial",
    "RMSprop",
    "Recorder",
    "Sophia",
    "StepDecay",
    "UserError",
    "Warm",
    "WarmUp",
    "WeightRule",
    "WorkerDiedError",
    "__version__",
    "assert_same_model",
    "compare",
    "export",
    "read_run",
    "record",
    "verify",
]

_HOMES = {
    "twotrack.api": ("Comparison", "assert_same_model", "compare", "export", "read_run", "verify"),
    "twotrack.shared": ("__version__",),
    "twotrack.shared.errors": ("UserError", "WorkerDiedError"),
    "twotrack.shared.recordings.standalone": ("Recorder", "record"),
    "twotrack.shared.spec.optimizers": (
        "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lamb", "Lion", "Muon", "Nadam",
        "RMSprop", "Sophia",
    ),
    "twotrack.shared.spec.schedules": (
        "Constant", "Cosine", "CosineRestarts", "Exponential", "Linear", "OneCycle", "PerEpoch", "Piecewise", "Plateau",
        "Polynomial", "StepDecay", "Warm", "WarmUp",
    ),
    "twotrack.shared.spec.update_options": (
        "EMA", "NO_DECAY", "SWA", "ClipGlobalNorm", "ClipNorm", "ClipValue", "Group",
    ),
    "twotrack.shared.spec.pair": ("CustomLoss", "CustomOptimizer", "Input", "Pair"),
    "twotrack.shared.weights.correspondence.rule": ("WeightRule",),
}  # fmt: skip
"""The modules that the public names come from."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(home), name)
            return value
    raise AttributeError(f"module 'twotrack' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
