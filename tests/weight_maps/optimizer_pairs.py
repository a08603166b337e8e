"""The attention block of pairs.py with every optimizer, and with options; PAIRS are found by their names."""

from dataclasses import replace
from typing import Any

from tests.weight_maps.pairs import BY_RULES
from twotrack import EMA, NO_DECAY, SGD, Adagrad, AdamW, ClipGlobalNorm, CustomOptimizer
from twotrack.shared.spec.optimizer_files import CARRIED

GROUPED = replace(
    BY_RULES,
    optimizer=AdamW(0.01, weight_decay=0.1, groups=(NO_DECAY,), clip=ClipGlobalNorm(1.0), average=EMA(0.9)),
)
ACCUMULATED = replace(BY_RULES, optimizer=CARRIED["Lamb"](0.01, accumulate=3, groups=(NO_DECAY,), average=EMA(0.9)))
PAIRS = {f"BY_{name.upper()}": replace(BY_RULES, optimizer=kind(0.01)) for name, kind in CARRIED.items()}
PAIRS["BY_SGD"] = replace(BY_RULES, optimizer=SGD(0.01, momentum=0.9))
PAIRS["BY_ADAGRAD"] = replace(BY_RULES, optimizer=Adagrad(0.01, initial=0.0))
globals().update(PAIRS)


def _scheduled() -> Any:
    import keras

    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.02, 1, 0.5), beta_1=0.8)


def _of_torch(parameters: Any) -> Any:
    import torch

    return torch.optim.Adam(parameters, 0.02, (0.8, 0.999))


OWN = replace(BY_RULES, optimizer=CustomOptimizer(_scheduled, _of_torch))
