"""The verification ladder. `from twotrack.shared.verify import Pair` is all that a pair of one's own needs."""

from twotrack.shared.training import SGD, Adam, AdamW, Constant, OneCycle, RMSprop
from twotrack.shared.verify.pair import CustomLoss, CustomOptimizer, Input, Pair

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "CustomLoss",
    "CustomOptimizer",
    "Input",
    "OneCycle",
    "Pair",
    "RMSprop",
]
