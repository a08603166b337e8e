"""Pairs that cannot be verified, each for one reason that the message must name."""

from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import CustomLoss, Pair

KERAS = sequential(lambda k: k.Input((4,)), lambda k: k.Dense(2, name="dense1"))
TORCH = modules(dense1=lambda nn: nn.Linear(4, 2))


def fails() -> Any:
    raise ValueError("no such width: -3")


def not_a_model() -> Any:
    return ["a", "list"]


TORCH_BUILD_FAILS = Pair(KERAS, fails, (4,))
KERAS_BUILD_FAILS = Pair(fails, TORCH, (4,))
NO_MODULE = Pair(KERAS, not_a_model, (4,))
NO_KERAS_MODEL = Pair(not_a_model, TORCH, (4,))
TORCH_SHAPE = Pair(KERAS, modules(dense1=lambda nn: nn.Linear(5, 2)), (4,))
KERAS_SHAPE = Pair(sequential(lambda k: k.Input((5,)), lambda k: k.Dense(2, name="dense1")), TORCH, (4,))
OTHER_NAMES = Pair(KERAS, modules(fc=lambda nn: nn.Linear(4, 2)), (4,))
UNKNOWN_RENAME = Pair(KERAS, TORCH, (4,), rename={"head": "dense1"})
UNNAMED = Pair(sequential(lambda k: k.Input((4,)), lambda k: k.Dense(2)), TORCH, (4,))
EXPLODES = Pair(
    sequential(
        lambda k: k.Input((4,)), lambda k: k.Dense(2, name="dense1"), lambda k: k.Rescaling(1e400, name="scale")
    ),
    modules(dense1=lambda nn: nn.Linear(4, 2), scale=lambda nn: nn.Identity()),
    (4,),
)
NOT_A_PAIR = "just text"
LOSS = CustomLoss(fails, fails, "real")
LOSS_FAILS = Pair(KERAS, TORCH, (4,), loss=LOSS)
