"""What a pass covered, and what it did not: a proof by example is as good as its examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from twotrack.shared.verify.result import Gap, RungResult


class Verdict(StrEnum):
    """What the ladder says of two sides."""

    PASS = "PASS"
    EXCEPT = "PASS, except"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Certificate:
    """What the rungs of one track compared."""

    counts: Mapping[str, int]
    """How many values, weights, gradients, steps and probes."""
    ranges: Mapping[str, tuple[float, float]]
    """The smallest and largest number that each layer was given, by canonical name."""
    gaps: tuple[Gap, ...]
    """What could hide a difference."""
    notes: tuple[str, ...] = ()
    """How was compared, where the model's own code says otherwise."""


def certify(rungs: Sequence[RungResult]) -> Certificate:
    """Return what rungs looked at, each thing once."""
    counts = {name: count for rung in rungs for name, count in rung.counts.items()}
    ranges = {path: limits for rung in rungs for path, limits in rung.ranges.items()}
    gaps, notes = (dict.fromkeys(one for rung in rungs for one in getattr(rung, name)) for name in ("gaps", "notes"))
    return Certificate(counts, ranges, tuple(gaps), tuple(notes))


def verdict(rungs: Sequence[RungResult]) -> Verdict:
    """Return what the rungs come to."""
    if not all(rung.passed for rung in rungs):
        return Verdict.FAIL
    return Verdict.EXCEPT if any(rung.gaps for rung in rungs) else Verdict.PASS
