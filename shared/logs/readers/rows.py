"""Rows of named cells, sparse or full, made into series."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from twotrack.shared.logs.names import EPOCH_NAMES, STEP_NAMES, TIMES, common_name
from twotrack.shared.logs.series import Series, make_series

_PLAIN = re.compile(r"[-+]?[0-9]*\.?[0-9]+")


@dataclass
class _Column:
    values: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    digits: int = 1

    def add(self, cell: float, text: str, step: float | None, epoch: float | None) -> None:
        self.values.append(cell)
        self.digits = max(self.digits, significant_digits(text))
        if step is not None and isfinite(step):
            self.steps.append(step)
        if epoch is not None and isfinite(epoch):
            self.epochs.append(epoch)

    def series(self, averaged: bool) -> Series:
        count = len(self.values)
        steps = self.steps if len(self.steps) == count else None
        epochs = completed(self.epochs) if len(self.epochs) == count else None
        return make_series(self.values, steps, epochs, averaged, self.digits)


def series_of(
    rows: Iterable[Mapping[str, str | float | None]], averaging: frozenset[str] = frozenset()
) -> dict[str, Series]:
    """Return the series of every column that is neither a position nor a time; an empty cell is no point.

    Rows hold numbers, or their texts; `averaging` names the columns whose values are means since the last point.
    """
    columns: defaultdict[str, _Column] = defaultdict(_Column)
    step_name = epoch_name = None
    for row in rows:
        step_name, epoch_name = step_name or _named(row, STEP_NAMES), epoch_name or _named(row, EPOCH_NAMES)
        step, epoch = _number(row.get(step_name or "")), _number(row.get(epoch_name or ""))
        for name, cell in row.items():
            value = _number(cell)
            if value is not None and name not in {step_name, epoch_name} and not TIMES.search(name.strip().lower()):
                columns[name].add(value, str(cell), step, epoch)
    return {name: column.series(name in averaging or _is_mean(name, column)) for name, column in columns.items()}


def significant_digits(text: str) -> int:
    """Return how many decimal digits of a number are written, zeros in front left out."""
    mantissa = text.strip().lower().partition("e")[0]
    if not _PLAIN.fullmatch(mantissa):
        return 1
    return min(max(len(mantissa.lstrip("+-").replace(".", "").lstrip("0")), 1), 17)


def completed(epochs: list[float]) -> list[float]:
    """Return epochs as they are when complete: of a log that counts whole epochs from 0, one more."""
    whole = all(epoch.is_integer() for epoch in epochs)
    return [epoch + 1 for epoch in epochs] if whole and epochs and min(epochs) == 0 else epochs


def _is_mean(name: str, column: _Column) -> bool:
    """Tell whether a training metric is that of whole epochs, which Keras and Lightning log as means."""
    common = common_name(name)
    if common.endswith("_epoch"):
        return True
    by_epoch = bool(column.epochs) and not column.steps and len(set(column.epochs)) == len(column.epochs)
    return by_epoch and not common.startswith(("val_", "test_"))


def _named(row: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Return the row's first column with one of the names, in their order."""
    by_name = {name.strip().lower(): name for name in row}
    return next((by_name[name] for name in names if name in by_name), None)


def _number(cell: str | float | None) -> float | None:
    if cell is None or isinstance(cell, bool):
        return None
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return None
