"""A run in float64 whose every operation rounds as a lower precision would: how far rounding alone can lead.

Each result is rounded at random to one of its two neighbours. Sums are taken to be added up in float32, or in the
precision itself where that is wider, in an order drawn at random: the error of n additions with results s_1 ... s_n is
u (xi_1 s_1 + ... + xi_n s_n), and over all orders the mean of s_k^2 is (k/n)^2 S^2 + (k/n)(1 - k/n) Q, S the sum and Q
the sum of squares, so that its variance is u^2 n (S^2 / 3 + Q / 6). A poor kernel has its own order, such as all terms
of one sign first: there |s_k| is at most the root of k Q, with which the variance is below u^2 n (n Q / 3).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from twotrack.shared.precision.formats import FORMATS, Arithmetic, Format, at_random, noise

_FLOAT64 = replace(FORMATS["float64"], digits=52)
"""Stands for float64: nothing here computes in more, so that its rounding is shown with a digit less."""


def simulated(arithmetic: Arithmetic) -> Format:
    """Return the format that results are rounded to; of tf32 they are float32."""
    return {"float64": _FLOAT64, "tf32": FORMATS["float32"]}.get(arithmetic, FORMATS[arithmetic])


def accumulating(arithmetic: Arithmetic) -> Format:
    """Return the format that sums are added up in."""
    own = simulated(arithmetic)
    return own if own.digits > FORMATS["float32"].digits else FORMATS["float32"]


class Sums(NamedTuple):
    """What a call adds up: of each of its results an array."""

    squares: Sequence[np.ndarray]
    """The sums of the squares of the terms."""
    counts: Sequence[np.ndarray]
    """How many terms there are."""


@dataclass
class Rounding:
    """Rounds results; each draw has another number."""

    arithmetic: Arithmetic
    draw: int
    sums_as_results: bool = False
    """Sums are added up in the precision itself, which is what a poor kernel does, and no rounding that is allowed."""
    poor: frozenset[str] = frozenset()
    """Operations of several steps that round each step to the precision, and sums that are added up in it, as poor
    kernels do."""
    of_steps: set[str] = field(default_factory=set)
    """Operations of several steps that came up."""
    _counts: dict[object, Sequence[np.ndarray]] = field(default_factory=dict)
    _inner: Format | None = None

    def __post_init__(self) -> None:
        self.results = simulated(self.arithmetic)
        self.sums = self.results if self.sums_as_results else accumulating(self.arithmetic)
        self._generator = np.random.default_rng([self.draw, 0])

    @property
    def format(self) -> Format:
        """What results are rounded to now: inside of an operation, what sums are added up in."""
        return self._inner or self.results

    def next(self) -> None:
        """Draw anew."""
        self.draw += 1
        self._generator = np.random.default_rng([self.draw, 0])

    @contextmanager
    def inside(self, operation: str) -> Iterator[None]:
        """Say that what follows are parts of one operation, of which the outcome alone is rounded to the format."""
        before, self._inner = self._inner, self.results if operation in self.poor else self.sums
        self.of_steps.add(operation)
        try:
            yield
        finally:
            self._inner = before

    def result(self, values: np.ndarray) -> np.ndarray:
        """Return a result as the format has it."""
        return at_random(values, self.format, self._seed())

    def of_call(self, values: np.ndarray, sums: Sums | None, number: int, operation: str) -> np.ndarray:
        """Return one result of an operation, rounded: with what its additions lose where it adds up."""
        if sums is None:
            return self.result(values)
        return self.of_sums(values, sums.squares[number], sums.counts[number], operation)

    def of_sums(self, values: np.ndarray, squares: np.ndarray, counts: np.ndarray, operation: str = "") -> np.ndarray:
        """Return sums of `counts` terms, with the sums of their squares, as they come out of additions, rounded."""
        is_poor = operation in self.poor
        added_in = self._inner or (self.results if is_poor else self.sums)
        with np.errstate(invalid="ignore", over="ignore"):
            partial = counts * np.abs(squares) / 3 if is_poor else np.square(values) / 3 + np.abs(squares) / 6
            errors = added_in.unit * np.sqrt(counts * partial) * noise(values, self._seed())
        return self.result(np.where(np.isfinite(errors), values + errors, values))

    def _seed(self) -> int:
        return int(self._generator.integers(2**63))

    def counts(self, key: object, count: Callable[[], Sequence[np.ndarray]]) -> Sequence[np.ndarray]:
        """Return how many terms the sums of an operation have, counted once for each key."""
        if key not in self._counts:
            self._counts[key] = count()
        return self._counts[key]
