"""What one framework does by default, measured: values by label, outputs on a fixed input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = bool | int | float | str
Numbers = Sequence[float]


@dataclass(frozen=True)
class Measured:
    """One entry of the ledger on one track."""

    values: Mapping[str, Value] = field(default_factory=dict)
    """What the framework does unless it is told otherwise."""
    output: Any = None
    """Numbers that the constructed object returns; None if the entry has none."""
    aligned: Any = None
    """The same as the aligned profile has it; None if that is what `output` is."""
    error: str = ""
    """Why there was nothing to measure."""

    def plain(self) -> "Measured":
        """Return the same without arrays, ready for JSON."""
        return Measured(
            {label: _plain(value) for label, value in self.values.items()},
            _numbers(self.output),
            _numbers(self.aligned),
            self.error,
        )


def _plain(value: Any) -> Value:
    return value if isinstance(value, bool | int | float | str) else value.item()


def _numbers(array: Any) -> list[float] | None:
    import numpy as np

    return None if array is None else np.asarray(array, np.float64).ravel().tolist()
