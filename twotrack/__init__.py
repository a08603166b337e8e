"""Prove that two models, one in Keras 3 and one in PyTorch, are the same model, or name where they differ."""

from twotrack.shared import __version__
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
    "__version__",
]
