"""Every honest pair by its name: tests.hunt.honest:FAMILY_NUMBER."""

from typing import Any

from tests.hunt import honest_structure, honest_training, honest_values  # noqa: F401 - each adds its families
from tests.hunt.family import HONEST

FAMILIES = HONEST


def __getattr__(name: str) -> Any:
    return HONEST.pair(name)
