"""Every honest pair by its name: tests.hunt.honest:FAMILY_NUMBER."""

from typing import Any

from tests.hunt import (  # noqa: F401 - each adds its families
    honest_images,
    honest_random,
    honest_sequences,
    honest_training,
    honest_values,
)
from tests.hunt.family import HONEST

FAMILIES = HONEST


def __getattr__(name: str) -> Any:
    return HONEST.pair(name)
