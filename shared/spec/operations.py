"""What a model computes, operation by operation, as both tracks record it: functions, places in the code, values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS

MOST_KEPT = 20_000_000
"""Numbers that are kept of one pass; of values beyond, the signature alone."""
COUNT, LARGEST, SIZE, SQUARES = 0, 1, 3, 4
"""Columns of a signature: elements, their largest absolute value; in units of that their absolute and squared sums."""
ROUNDING = 1e-11
"""By how much sums of one value may differ, relative to its size; what is closer yet is told apart by all elements."""


@with_config(WITH_ARRAYS)
@dataclass
class Operation:
    """One call of a function that gives tensors."""

    function: str
    place: str
    """File and line of the code that called it, the framework's own left out; empty if there is none."""
    layer: str
    """Canonical path of the layer at work; empty for the model itself."""
    given: list[int]
    """Numbers of the values it was given."""
    made: list[int]
    """And of those it gave."""


@with_config(WITH_ARRAYS)
@dataclass
class OperationsTrace:
    """A pass in inference mode."""

    operations: list[Operation] = field(default_factory=list)
    """In the order of calls; what is called inside one of them is part of it."""
    signatures: list[np.ndarray] = field(default_factory=list)
    """Of every value, by its number: what does not depend on the order of its elements."""
    values: dict[str, np.ndarray] = field(default_factory=dict)
    """By number as text, as far as they are kept; in the framework's own order of axes."""
    outputs: list[int] = field(default_factory=list)
    """Numbers of what the model gives."""


def signature(values: np.ndarray) -> np.ndarray:
    """Return numbers that two arrays share if they hold the same elements, whatever their shapes."""
    flat = values.reshape(-1).astype(np.float64)
    finite = flat[np.isfinite(flat)]
    largest = float(np.abs(finite).max(initial=0.0))
    unit = finite / largest if largest > 0 else finite
    sums = [unit.sum(), np.abs(unit).sum(), (unit**2).sum(), (unit**3).sum(), np.sin(7 * unit).sum()]
    kinds = [np.isnan(flat).sum(), np.isposinf(flat).sum(), np.isneginf(flat).sum()]
    return np.array([flat.size, largest, *sums, *kinds])


class OperationRecorder:
    """Numbers tensors as they come; keeps each of them, so that no other gets its id."""

    def __init__(self, as_array: Callable[[Any], np.ndarray]):
        self.trace = OperationsTrace()
        self._as_array, self._kept = as_array, 0
        self._numbers: dict[int, tuple[Any, int]] = {}

    def add(self, function: str, place: str, layer: str, given: Sequence[Any], made: Sequence[Any]) -> None:
        """Keep a call, unless it but moves what it is given: a transposition makes no new value."""
        numbers = [self.number(tensor) for tensor in given]
        new = [number for tensor in made if (number := self._made(tensor, numbers)) is not None]
        if new:
            self.trace.operations.append(Operation(function, place, layer, numbers, new))

    def number(self, tensor: Any) -> int:
        """Return the number of a tensor, which is a new one if no operation has made it."""
        known = self._numbers.get(id(tensor))
        if known is not None:
            return known[1]
        array = self._as_array(tensor)
        return self._keep(tensor, array, signature(array))

    def _made(self, tensor: Any, given: Sequence[int]) -> int | None:
        """Return the number of a new value; None if it is one of those that were given."""
        array = self._as_array(tensor)
        own = signature(array)
        for number in given:
            if same_elements(own, self.trace.signatures[number]):
                self._numbers[id(tensor)] = (tensor, number)
                return None
        return self._keep(tensor, array, own)

    def _keep(self, tensor: Any, array: np.ndarray, own: np.ndarray) -> int:
        number = len(self.trace.signatures)
        self._numbers[id(tensor)] = (tensor, number)
        self.trace.signatures.append(own)
        self._kept += array.size
        if self._kept <= MOST_KEPT:
            self.trace.values[str(number)] = array
        return number


def same_elements(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell by their signatures whether two values may have the same elements, up to the rounding of float64."""
    if one[COUNT] != other[COUNT]:
        return False
    scale = np.maximum(1.0, np.maximum(one[SIZE], other[SIZE]))
    limits = np.full(len(one), ROUNDING * scale)
    limits[LARGEST] = ROUNDING * max(one[LARGEST], other[LARGEST])
    return bool((np.abs(one - other) <= limits).all())
