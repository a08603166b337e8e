"""Every wrong pair by its name: tests.hunt.wrong:FAMILY_NUMBER."""

from typing import Any

from tests.hunt import (  # noqa: F401 - each adds its families
    wrong_layers,
    wrong_losses,
    wrong_modes,
    wrong_optimizers,
    wrong_random,
    wrong_sequences,
    wrong_values,
)
from tests.hunt.family import WRONG

FAMILIES = WRONG


def __getattr__(name: str) -> Any:
    return WRONG.pair(name)
