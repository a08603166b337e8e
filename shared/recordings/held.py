"""What two recordings hold of a rung, and in which precision it can be compared."""

from twotrack.shared.recordings.traces import Both
from twotrack.shared.spec.track import Precision

_HALF = {"float16", "bfloat16"}


class NotHeldError(Exception):
    """The recordings say nothing of a rung; the message says what is missing."""


def comparable(both: Both) -> Precision:
    """Return the precision to compare in; NotHeldError for one in which rounding is as large as values."""
    if both.precision in _HALF:
        raise NotHeldError(f"recorded in {both.precision}, whose rounding hides any difference")
    return "float64" if both.precision == "float64" else "float32"


def require_no_draws(both: Both) -> None:
    """Raise NotHeldError where dropout is on, whose numbers are not the same on both sides."""
    for side in (both.one, both.other):
        for path, rate in side.manifest.dropout.items():
            raise NotHeldError(f"'{path}' drops {rate:g} in training, at random on each side; record with rates of 0")
