"""What a rung finds, what a pass does not look at, and how differences are measured.

Nothing is masked: NaN or infinity on either side is an infinite difference.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np

from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.trace import Trace

Measured = TypeVar("Measured")

PART = 2**18
"""Values that are compared at once: the arrays are mapped from files, and what is made of them should stay small."""


class FailurePlace(StrEnum):
    """What a rung's failure is about."""

    NOWHERE = ""
    WEIGHT = "weight"
    START = "start"
    LAYER = "layer"
    OUTPUTS = "outputs"
    LOSS = "loss"
    DROPOUT = "dropout"
    VALIDATION = "validation"


class GapKind(StrEnum):
    """Why a pass may hide a difference."""

    PIECE = "piece not reached"
    PARTNER = "no partner"
    RANDOM = "random"
    PRECISION = "computed in float32"
    HALF = "asked for half precision"
    STEPS = "steps in half precision"
    ROUNDING = "rounding amplified"
    NO_EFFECT = "no effect seen"
    EXTREME = "only at extremes"
    MASK = "other masks"
    NOT_RUN = "not run"
    OUTPUTS = "other outputs"
    KEPT = "keeps a size"


@dataclass(frozen=True)
class Gap:
    """Something that a rung passed without having seen it, by which two models could still differ."""

    kind: GapKind
    where: str
    """Canonical name of a layer or weight, or what else it is about."""
    detail: str
    """One sentence, which begins with a lower-case letter and has no full stop."""


@dataclass(frozen=True)
class RungResult:
    """What one rung found between torch and one Keras track."""

    rung: str
    passed: bool
    detail: str
    difference: float | None = None
    """The largest relative difference in float64."""
    difference32: float | None = None
    """The same in float32, for information."""
    limit: float | None = None
    place: FailurePlace = FailurePlace.NOWHERE
    """Of a failure."""
    where: str = ""
    """First diverging layer or weight, by canonical name."""
    layer_inputs_agree: bool | None = None
    """Forward only: the layer got the same inputs on both sides, so it is at fault itself."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many of what were compared, such as {"gradients": 8}, for the certificate."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The smallest and largest number that each layer was given, by canonical name."""
    gaps: tuple[Gap, ...] = ()
    """What could hide a difference although the rung passed."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how was compared, although it hides nothing; one sentence each, as a gap's."""
    in_doubt: bool = False
    """What differs may be rounding, and how much that amounts to was not looked at."""
    doubts: frozenset[str] = frozenset()
    """Names of the passes that leave a doubt, of a rung that compares several."""


def relaxed_constraints(kind: str) -> str:
    """Return the sentence of a gap: sides are equal once Keras' constraints are changed, see Probe.relaxations."""
    return f"equal only with Keras' constraints {kind}: they divide by the norm + 1e-07, which shrinks weights a little"


def relative(torch: np.ndarray, keras: np.ndarray, scale: float | None = None) -> float:
    """Return the largest difference over torch's largest value, or over `scale`.

    Infinity if a value is not finite or shapes differ.
    """
    if torch.shape != keras.shape or not finite([torch, keras]):
        return float("inf")
    if torch.size == 0:
        return 0.0
    ours, theirs = keras.reshape(-1), torch.reshape(-1)
    parts = [slice(start, start + PART) for start in range(0, torch.size, PART)]
    largest = max(np.abs(theirs[part]).max() for part in parts) if scale is None else scale
    difference = max(np.abs(np.subtract(ours[part], theirs[part], dtype=float)).max() for part in parts)
    return float(difference / largest) if largest > 0 else float(difference)


SHOWN = 4
"""Names in a message; two other models can have hundreds without a counterpart."""


def in_short(names: Iterable[str]) -> str:
    """Return a few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def finite(arrays: Sequence[np.ndarray]) -> bool:
    """Return whether no value is NaN or infinite."""
    flat = (array.reshape(-1) for array in arrays)
    return all(np.isfinite(array[start : start + PART]).all() for array in flat for start in range(0, array.size, PART))


def in_float32(measure: Callable[[Trace, Trace], Measured], torch: Observation, keras: Observation) -> Measured | None:
    """Measure in float32, for information; None if the sides did not show it."""
    if "float32" not in torch.traces or "float32" not in keras.traces:
        return None
    return measure(torch.traces["float32"], keras.traces["float32"])
