"""What is said of a private part of a framework."""

from collections.abc import Callable
from dataclasses import dataclass

KERAS, TORCH = "keras:tensorflow", "torch"


@dataclass(frozen=True)
class PrivateName:
    """A name that a framework may take away without notice."""

    track: str
    """Whose worker has the framework."""
    use: str
    """What twotrack would no longer do without it."""
    is_there: Callable[[], bool]
    """Runs in the worker."""
