"""Fits of losses that compare what targets and outputs share with how large they are: Dice, Jaccard, Tversky.

With the sums I of targets times outputs, Y of targets and P of outputs, of an example or of a whole batch, such a loss
is offset - (c I + smooth) / (D + smooth) + a times the cross-entropy, with D made of I, Y and P. Times its denominator
that is linear in all numbers that may be unknown, and the losses of single examples tell them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from twotrack.shared.spec.changes import Function
from twotrack.shared.verify.diagnosis import loss_fits

Parts = tuple[np.ndarray, ...]
"""I, Y, P and the mean cross-entropy of each example."""
SUMS = "I the sum of targets times outputs, Y that of targets and P that of outputs"


@dataclass(frozen=True)
class Form:
    """How the denominator is made of I, Y and P."""

    name: str
    shared: float
    """What I counts in the numerator."""
    fixed: tuple[float, float, float]
    """What I, Y and P count in the denominator, and in what stands in it with a weight."""
    weighed: tuple[tuple[float, float, float], ...] = ()


FORMS = (
    Form("Dice", 2.0, (0.0, 1.0, 1.0)),
    Form("Jaccard", 1.0, (-1.0, 1.0, 1.0)),
    Form("Tversky", 1.0, (1.0, 0.0, 0.0), ((-1.0, 0.0, 1.0), (-1.0, 1.0, 0.0))),
)


@dataclass(frozen=True)
class Overlap:
    """One such loss, with all its numbers."""

    form: Form
    takes: str
    """logits or probabilities."""
    squared: bool
    """P is the sum of the squares of outputs."""
    smooth: tuple[float, float]
    """Added to the numerator and to the denominator."""
    offset: float
    weights: tuple[float, ...] = ()
    cross_entropy: float = 0.0
    by_example: bool = False

    @property
    def function(self) -> Function:
        """What computes it."""
        counts = np.array(self.form.fixed) + sum(
            (weight * np.array(part) for weight, part in zip(self.weights, self.form.weighed, strict=True)), np.zeros(3)
        )
        parameters = {
            "name": "overlap",
            "takes": self.takes,
            "squared": self.squared,
            "by_example": self.by_example,
            "shared": self.form.shared,
            "counts": tuple(counts.tolist()),
            "smooth": self.smooth,
            "offset": self.offset,
            "cross_entropy": self.cross_entropy,
        }
        return Function(name="named", parameters=parameters)

    @property
    def formula(self) -> str:
        """In words."""
        below = {"Dice": "Y + P", "Jaccard": "Y + P - I"}.get(self.form.name, "")
        if self.weights:
            below = f"I + {self.weights[0]:g} (P - I) + {self.weights[1]:g} (Y - I)"
        above = "2 I" if self.form.shared == 2 else "I"
        beside = f" + {self.cross_entropy:g} times the cross-entropy" if self.cross_entropy else ""
        over = "of each example" if self.by_example else "of the whole batch"
        squares = ", squared" if self.squared else ""
        share = f"({above} + {self.smooth[0]:g}) / ({below} + {self.smooth[1]:g})"
        return f"{self.offset:g} - {share}{beside} {over}{squares}"


def fitted(values: np.ndarray, outputs: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> Iterator[Overlap]:
    """Yield the losses that have the given values on single examples, the simplest first."""
    for with_entropy, form, (takes, squared) in product((False, True), FORMS, product(TAKES, (False, True))):
        parts = _parts(outputs, targets, takes, squared)
        solved = None if parts is None else _solved(values, parts, form, with_entropy)
        if solved is not None:
            for by_example in (False, True):
                yield Overlap(form, takes, squared, *solved, by_example)


TAKES = ("logits", "probabilities")
ROUNDING = 1e-13
"""Up to here a number that is fitted is 0."""


def _parts(outputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], takes: str, squared: bool) -> Parts | None:
    """Return the sums; None where outputs are no probabilities."""
    p = np.stack([one.ravel() for one in outputs]).astype(float)
    y = np.stack([one.ravel() for one in targets]).astype(float)
    if takes == "logits":
        entropy = np.logaddexp(0, p) - y * p
        p = 1 / (1 + np.exp(-p))
    elif ((p <= 0) | (p >= 1)).any():
        return None
    else:
        entropy = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return (y * p).sum(1), y.sum(1), (p * p if squared else p).sum(1), entropy.mean(1)


class Solved(NamedTuple):
    """The numbers of a loss."""

    smooth: tuple[float, float]
    offset: float
    weights: tuple[float, ...]
    cross_entropy: float


def _solved(values: np.ndarray, parts: Parts, form: Form, with_entropy: bool) -> Solved | None:
    """Return both smooth terms, the offset, the weights and what the cross-entropy counts; None if nothing fits."""
    sums, entropy = np.stack(parts[:3]), parts[3]
    below, *free = (np.array(part) @ sums for part in (form.fixed, *form.weighed))
    one = np.ones_like(values)
    columns = [values * part for part in (one, *free)] + [-part for part in (one, below, *free)]
    columns += [-entropy * part for part in (below, one, *free)] if with_entropy else []
    table, wanted = np.stack(columns, 1), -(values * below + form.shared * sums[0])
    if len(wanted) <= table.shape[1]:
        return None
    found, _, rank, _ = np.linalg.lstsq(table, wanted, rcond=None)
    apart = np.abs(table @ found - wanted).max()
    if rank < table.shape[1] or apart > loss_fits.SAME * np.abs(wanted).max(initial=1e-300):
        return None
    count = len(free)
    smooth, weights, (rest, offset) = found[0], found[1 : count + 1], found[count + 1 : count + 3]
    share = found[2 * count + 3] if with_entropy else 0.0
    if with_entropy and abs(share) < loss_fits.SAME:
        return None
    numbers = (offset * smooth - rest, smooth, offset, share, *weights)
    above, *others = (loss_fits.rounded(one) if abs(one) > ROUNDING else 0.0 for one in numbers)
    return Solved((above, others[0]), others[1], tuple(others[3:]), others[2])
