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
    from twotrack.shared.spec.loop import TrainingLoop
    from twotrack.shared.spec.loss_specs import (
        CTC,
        AbsoluteError,
        BinaryCrossEntropy,
        CategoricalFocal,
        CategoricalHinge,
        CosineSimilarity,
        CrossEntropy,
        Focal,
        Hinge,
        Huber,
        KullbackLeibler,
        LogCosh,
        Poisson,
        SquaredError,
        Triplet,
    )
    from twotrack.shared.spec.objective import CustomLoss, OutputLoss
    from twotrack.shared.spec.pair import CustomOptimizer, Input, Pair
    from twotrack.shared.spec.recipes import (
        SGD,
        Adam,
        AdamW,
        Constant,
        EarlyStopping,
        Lion,
        OneCycle,
        RMSprop,
        Sophia,
        WarmUp,
    )
    from twotrack.shared.spec.regularisation import (
        L1,
        L2,
        Activity,
        CustomPenalty,
        MaxNorm,
        NonNegative,
        Orthogonal,
        UnitNorm,
    )
    from twotrack.shared.weights.correspondence.rule import WeightRule

__all__ = [
    "CTC",
    "L1",
    "L2",
    "SGD",
    "AbsoluteError",
    "Activity",
    "Adam",
    "AdamW",
    "BinaryCrossEntropy",
    "CategoricalFocal",
    "CategoricalHinge",
    "Comparison",
    "Constant",
    "CosineSimilarity",
    "CrossEntropy",
    "CustomLoss",
    "CustomOptimizer",
    "CustomPenalty",
    "EarlyStopping",
    "Focal",
    "Hinge",
    "Huber",
    "Input",
    "KullbackLeibler",
    "Lion",
    "LogCosh",
    "MaxNorm",
    "NonNegative",
    "OneCycle",
    "Orthogonal",
    "OutputLoss",
    "Pair",
    "Poisson",
    "RMSprop",
    "Recorder",
    "Sophia",
    "SquaredError",
    "TrainingLoop",
    "Triplet",
    "UnitNorm",
    "UserError",
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
    "twotrack.shared.spec.recipes": (
        "SGD", "Adam", "AdamW", "Constant", "EarlyStopping", "Lion", "OneCycle", "RMSprop", "Sophia", "WarmUp",
    ),
    "twotrack.shared.spec.loop": ("TrainingLoop",),
    "twotrack.shared.spec.loss_specs": (
        "CTC", "AbsoluteError", "BinaryCrossEntropy", "CategoricalFocal", "CategoricalHinge",
        "CosineSimilarity", "CrossEntropy", "Focal", "Hinge", "Huber", "KullbackLeibler", "LogCosh", "Poisson",
        "SquaredError", "Triplet",
    ),
    "twotrack.shared.spec.objective": ("CustomLoss", "OutputLoss"),
    "twotrack.shared.spec.pair": ("CustomOptimizer", "Input", "Pair"),
    "twotrack.shared.spec.regularisation": (
        "L1", "L2", "Activity", "CustomPenalty", "MaxNorm", "NonNegative", "Orthogonal", "UnitNorm",
    ),
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
