"""The verification ladder. `from shared.verify import Pair` is all that a pair of one's own needs."""

from shared.training import SGD, Adam, AdamW, Constant, OneCycle, RMSprop
from shared.verify.pair import Input, OwnLoss, OwnOptimizer, Pair

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Input",
    "OneCycle",
    "OwnLoss",
    "OwnOptimizer",
    "Pair",
    "RMSprop",
]
