"""Formats of floating-point numbers, and rounding to them in NumPy: to nearest, and at random to a neighbour."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from twotrack.shared.errors import unknown

Arithmetic = Literal["float64", "float32", "bfloat16", "float16", "tf32"]
"""What `verify --precision` takes."""
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)


def arithmetics(names: str | Iterable[str]) -> tuple[Arithmetic, ...]:
    """Return precisions by their names, or by one text with commas, each once; UserError for a name that is none."""
    listed = names.split(",") if isinstance(names, str) else names
    named = list(dict.fromkeys(name.strip() for name in listed))
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
    values = np.asarray(values, np.float64, order="C")
    sizes = np.abs(values)
    if not sizes.max(initial=0.0) <= to.limit or ((sizes < 2.0**to.smallest) & (sizes > 0)).any():
        return _at_random_near_the_ends(values, to, seed)
    left_out = np.uint64(_DIGITS64 - to.digits)  # digits; a carry goes on into the exponent, as it should
    bits = values.view(np.uint64) + (_random_bits(values, seed) >> (np.uint64(64) - left_out))
    return np.asarray(
        ((bits >> left_out) << left_out).view(np.float64)
    )  # NumPy makes a scalar of an array without axes


def _at_random_near_the_ends(values: np.ndarray, to: Format, seed: int) -> np.ndarray:
    """Round where there are numbers near 0, which have fewer digits, or beyond the largest."""
    spacing, draws = _spacing(values, to), (_random_bits(values, seed) >> np.uint64(11)) * 2.0**-53
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.floor(values / spacing + draws) * spacing
    return _bounded(np.where(np.isfinite(values), rounded, values), to)


def noise(values: np.ndarray, seed: int) -> np.ndarray:
    """Return a random number of mean 0 and variance 1 for each value, the same for equal ones."""
    bits = _random_bits(np.asarray(values, np.float64, order="C"), seed)
    total = (bits >> np.uint64(32)).astype(np.float64) + (bits & np.uint64(0xFFFFFFFF)).astype(np.float64)
    return np.asarray((total * 2.0**-32 - 1.0) * 6.0**0.5)


def _random_bits(values: np.ndarray, seed: int) -> np.ndarray:
    """Return 64 bits for each value; they depend on the seed and on the value's first 44 digits, as in splitmix64."""
    with np.errstate(over="ignore"):
        mixed = ((values.view(np.uint64) + np.uint64(128)) >> np.uint64(8)) + np.uint64(seed)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _spacing(values: np.ndarray, to: Format) -> np.ndarray:
    """Return the distance of the format's numbers around each value."""
    _, exponents = np.frexp(values)  # of a significand from a half to one
    return np.ldexp(1.0, np.maximum(exponents - 1, to.smallest) + 1 - to.digits)


def _bounded(values: np.ndarray, to: Format) -> np.ndarray:
    return np.where(np.abs(values) > to.limit, np.copysign(np.inf, values), values)
