"""What is read from a log: series of numbers by name, and the settings that stand beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Series:
    """One logged quantity, in the order of its steps; a step that was logged twice has its last value."""

    values: np.ndarray
    """(points,) float64; infinite or not a number where the log says so."""
    steps: np.ndarray | None
    """(points,) numbers of the training steps, increasing; None if the log has none."""
    epochs: np.ndarray | None
    """(points,) epochs, whole or in parts, increasing; None if the log has none."""
    averaged: bool = False
    """Each value is the mean over the steps since the one before, not that of a single step."""
    digits: int = 17
    """Significant decimal digits that the log keeps: 7 for event files, fewer where values are written rounded."""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Log:
    """The log of one training."""

    path: Path
    kind: str
    """The format, in words."""
    series: Mapping[str, Series]
    """By the log's own names."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Configuration by dotted name, as it was found beside the series; values as text, numbers or booleans."""
    sources: tuple[str, ...] = ()
    """Files that the settings come from."""


def make_series(
    values: list[float],
    steps: list[float] | None,
    epochs: list[float] | None,
    averaged: bool = False,
    digits: int = 17,
) -> Series:
    """Return the series in order of its steps, or of its epochs without; of a repeated one the last value counts.

    A training that was resumed writes some steps again.
    """
    along = steps if steps is not None else epochs
    order = np.arange(len(values), dtype=float) if along is None else np.asarray(along, float)
    last = {position: number for number, position in enumerate(order.tolist())}
    kept = np.array([last[position] for position in sorted(last)], dtype=int)
    return Series(
        np.asarray(values, float)[kept],
        None if steps is None else np.asarray(steps, float)[kept],
        None if epochs is None else np.asarray(epochs, float)[kept],
        averaged,
        digits,
    )
