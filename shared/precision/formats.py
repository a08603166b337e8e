"""Formats of floating-point numbers, and rounding to them in NumPy: to nearest, and at random to a neighbour."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from twotrack.shared.errors import unknown

Arithmetic = Literal["float64", "float32", "bfloat16", "float16", "tf32"]
"""What `verify --precision` takes."""
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)


def arithmetics(names: Iterable[str]) -> tuple[Arithmetic, ...]:
    """Return precisions by their names, each once; UserError for a name that is none."""
    named = list(dict.fromkeys(name.strip() for name in names))
    for name in named:
        if name not in ARITHMETICS:
            raise unknown("precision", name, ARITHMETICS)
    return tuple(cast(Arithmetic, name) for name in named)


@dataclass(frozen=True)
class Format:
    """Numbers of `digits` binary digits between the powers of two `smallest` and `largest`."""

    name: str
    digits: int
    """Of the significand, the hidden one included."""
    smallest: int
    """Exponent of the smallest normal number."""
    largest: int
    """Exponent of the largest number."""

    @property
    def unit(self) -> float:
        """Unit roundoff: the largest relative error of rounding to nearest."""
        return 2.0**-self.digits

    @property
    def limit(self) -> float:
        """The largest number."""
        return (2.0 - 2.0 ** (1 - self.digits)) * 2.0**self.largest

    @property
    def spacing(self) -> float:
        """Between the smallest numbers, those below the normal ones."""
        return 2.0 ** (self.smallest + 1 - self.digits)

    def holds(self, other: "Format") -> bool:
        """Tell whether every number of the other format is one of this."""
        return self.digits >= other.digits and self.smallest <= other.smallest and self.largest >= other.largest


FORMATS = {
    each.name: each
    for each in (
        Format("float64", 53, -1022, 1023),
        Format("float32", 24, -126, 127),
        Format("tf32", 11, -126, 127),
        Format("bfloat16", 8, -126, 127),
        Format("float16", 11, -14, 15),
    )
}
"""tf32 is what products round their operands to; results are float32."""

_DIGITS64 = 53


def nearest(values: np.ndarray, to: Format) -> np.ndarray:
    """Return float64 numbers rounded to the nearest of a format, halves to even; infinity beyond its largest."""
    values = np.asarray(values, np.float64)
    if to.digits >= _DIGITS64:
        return values.copy()
    spacing = _spacing(values, to)
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.rint(values / spacing) * spacing
    return _bounded(np.where(np.isfinite(values), rounded, values), to)


def at_random(values: np.ndarray, to: Format, seed: int) -> np.ndarray:
    """Return float64 numbers rounded up or down to a format, each the more likely the nearer it is.

    On average nothing is lost, and what the format holds stays as it is. Equal numbers are rounded alike, as any
    rounding does: a sum of a thousand of them is off by a thousand times as much.
    """
    values = np.asarray(values, np.float64)
    spacing = _spacing(values, to)
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.floor(values / spacing + uniform(values, seed)) * spacing
    return _bounded(np.where(np.isfinite(values), rounded, values), to)


def uniform(values: np.ndarray, seed: int) -> np.ndarray:
    """Return a random number from 0 to 1 for each value; it depends on the seed and on the value's first 44 digits."""
    with np.errstate(over="ignore"):
        bits = (np.ascontiguousarray(values).view(np.uint64).reshape(values.shape) + np.uint64(128)) >> np.uint64(8)
        mixed = bits + np.uint64(seed)  # as splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def _spacing(values: np.ndarray, to: Format) -> np.ndarray:
    """Return the distance of the format's numbers around each value."""
    _, exponents = np.frexp(values)  # of a significand from a half to one
    return np.ldexp(1.0, np.maximum(exponents - 1, to.smallest) + 1 - to.digits)


def _bounded(values: np.ndarray, to: Format) -> np.ndarray:
    return np.where(np.abs(values) > to.limit, np.copysign(np.inf, values), values)
