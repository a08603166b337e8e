"""In which types a model computes, with where: operations whose type is not the one that was asked for, poor ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.precision import kernels
from twotrack.shared.precision.formats import FORMATS

HALF = ("bfloat16", "float16")


@with_config(WITH_ARRAYS)
@dataclass
class Computed:
    """Operations of one place that compute in another type than the run's."""

    precision: str
    """Which they compute in."""
    layer: str
    """Canonical path; empty outside of layers, and in the backward pass."""
    place: str
    """File and line in the user's code; empty where the framework's own code asked."""
    operations: list[str] = field(default_factory=list)
    """Names, each once, in their order."""
    count: int = 0
    computes: bool = False
    """Some of them do more than copy or cast."""
    largest: float = 0.0
    """Of what they give, the largest size of a number."""

    def is_narrower(self, than: str) -> bool:
        """Tell whether there are numbers of the run's type that this one does not hold."""
        return not FORMATS[self.precision].holds(FORMATS[than])


def largest(arrays: Sequence[np.ndarray]) -> float:
    """Return the largest size of a finite number."""
    return max((float(np.nan_to_num(np.abs(one), nan=0.0, posinf=0.0).max(initial=0.0)) for one in arrays), default=0.0)


class Computing:
    """Notes what computes in another type than `expected`."""

    def __init__(self, expected: str):
        self.expected = expected
        self.poor: set[str] = set()
        """Operations of several steps that were off by more than one rounding of what they were given."""
        self._found: dict[tuple[str, str, str], Computed] = {}

    def concerns(self, made: Sequence[str]) -> bool:
        """Tell whether any of these types is another floating-point type."""
        return any(one != self.expected and one in FORMATS for one in made)

    def note(
        self,
        operation: str,
        made: Sequence[str],
        layer: str,
        place: str,
        is_copy: bool = False,
        size: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Note one operation by the types that it made; a copy computes nothing, and may round."""
        for precision in set(made) & FORMATS.keys() - {self.expected}:
            found = Computed(precision, layer, place)
            if is_copy and not (self.expected and found.is_narrower(self.expected)):
                continue
            found = self._found.setdefault((precision, layer, place), found)
            found.count += 1
            found.computes = found.computes or not is_copy
            found.largest = max(found.largest, size())
            if operation not in found.operations:
                found.operations.append(operation)

    @property
    def tries(self) -> bool:
        """Tell whether operations of several steps are to be tried: their sums may be in half precision then."""
        return self.expected in HALF

    def tried(self, operation: str, made: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> None:
        """Take into account what an operation of several steps made, beside what it makes of the same in float64."""
        if kernels.is_poor(made, exact, self.expected):
            self.poor.add(operation)

    @property
    def found(self) -> list[Computed]:
        """All of it."""
        return list(self._found.values())
