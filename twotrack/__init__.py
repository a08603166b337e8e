"""Prove that two models, one in Keras 3 and one in PyTorch, are the same model, or name where they differ.

>>> import twotrack
>>> twotrack.Pair, twotrack.verify  # doctest: +ELLIPSIS
(<class '...Pair'>, <function verify at ...>)

A name is imported when it is first used, so that `import twotrack` takes no time. No name imports a framework.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twotrack.api import Comparison, assert_same_model, check_exercise, compare, export, read_run, verify
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
    from twotrack.shared.spec.pair import CustomOptimizer, Input, Pair
    from twotrack.shared.spec.recipes import EarlyStopping
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
    from twotrack.shared.spec.update_options import EMA, NO_DECAY, SWA, ClipGlobalNorm, ClipNorm, ClipValue, Group
    from twotrack.shared.weights.correspondence.rule import WeightRule

__all__ = [
    "CTC",
    "EMA",
    "L1",
    "L2",
    "NO_DECAY",
    "SGD",
    "SWA",
    "AbsoluteError",
    "Activity",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "BinaryCrossEntropy",
    "CategoricalFocal",
    "CategoricalHinge",
    "ClipGlobalNorm",
    "ClipNorm",
    "ClipValue",
    "Comparison",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "CosineSimilarity",
    "CrossEntropy",
    "CustomLoss",
    "CustomOptimizer",
    "CustomPenalty",
    "EarlyStopping",
    "Exponential",
    "Focal",
    "Group",
    "Hinge",
    "Huber",
    "Input",
    "KullbackLeibler",
    "Lamb",
    "Linear",
    "Lion",
    "LogCosh",
    "MaxNorm",
    "Muon",
    "Nadam",
    "NonNegative",
    "OneCycle",
    "Orthogonal",
    "OutputLoss",
    "Pair",
    "PerEpoch",
    "Piecewise",
    "Plateau",
    "Poisson",
    "Polynomial",
    "RMSprop",
    "Recorder",
    "Sophia",
    "SquaredError",
    "StepDecay",
    "TrainingLoop",
    "Triplet",
    "UnitNorm",
    "UserError",
    "Warm",
    "WarmUp",
    "WeightRule",
    "WorkerDiedError",
    "__version__",
    "assert_same_model",
    "check_exercise",
    "compare",
    "export",
    "read_run",
    "record",
    "verify",
]

_HOMES = {
    "twotrack.api": ("Comparison", "assert_same_model", "check_exercise", "compare", "export", "read_run", "verify"),
    "twotrack.shared": ("__version__",),
    "twotrack.shared.errors": ("UserError", "WorkerDiedError"),
    "twotrack.shared.recordings.standalone": ("Recorder", "record"),
    "twotrack.shared.spec.loop": ("TrainingLoop",),
    "twotrack.shared.spec.loss_specs": (
        "AbsoluteError", "BinaryCrossEntropy", "CTC", "CategoricalFocal", "CategoricalHinge",
        "CosineSimilarity", "CrossEntropy", "Focal", "Hinge", "Huber", "KullbackLeibler", "LogCosh",
        "Poisson", "SquaredError", "Triplet",
    ),
    "twotrack.shared.spec.objective": ("CustomLoss", "OutputLoss"),
    "twotrack.shared.spec.optimizers": (
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lamb", "Lion", "Muon", "Nadam",
        "RMSprop", "SGD", "Sophia",
    ),
    "twotrack.shared.spec.pair": ("CustomOptimizer", "Input", "Pair"),
    "twotrack.shared.spec.recipes": ("EarlyStopping",),
    "twotrack.shared.spec.regularisation": (
        "Activity", "CustomPenalty", "L1", "L2", "MaxNorm", "NonNegative", "Orthogonal", "UnitNorm",
    ),
    "twotrack.shared.spec.schedules": (
        "Constant", "Cosine", "CosineRestarts", "Exponential", "Linear", "OneCycle", "PerEpoch", "Piecewise",
        "Plateau", "Polynomial", "StepDecay", "Warm", "WarmUp",
    ),
    "twotrack.shared.spec.update_options": (
        "ClipGlobalNorm", "ClipNorm", "ClipValue", "EMA", "Group", "NO_DECAY", "SWA",
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
