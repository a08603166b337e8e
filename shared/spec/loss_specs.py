"""Losses as plain data: what each computes, and what it divides by. Both tracks are built from it.

A loss has terms, which belong to rows. A row is what stands at one place of an output (batch, ..., classes): one
example of (batch, classes), one step of (batch, steps, classes). In the formulas x is an output, y its target.

    loss = sum over rows of w * (sum of the row's terms) / divisor

w is the product of the row's class weight, of what the batch brings as its weight, and of 1 or 0: a row that a mask
or an ignored class leaves out counts for nothing. An output without any row that counts has the loss 0.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

from twotrack.shared.errors import UserError

TargetKind = Literal["classes", "binary", "real", "probabilities", "counts", "sequences", "none"]
"""classes: an integer for each row; binary: 0 or 1 for each number; probabilities: a row that sums to 1; counts: 0, 1,
2, ...; sequences: (batch, labels), integers behind which blanks stand; none: zeros (batch,), which nobody reads."""
Divisor = Literal["counted", "all", "rows", "examples", "weights", "nothing"]
"""counted: the terms of the rows that count; all: the terms of all rows; rows: all rows; examples: the batch size;
weights: the terms of the rows, each times w; nothing: 1, which is a sum."""
Weights = Literal["", "examples", "steps"]
"""What a batch brings beside targets: nothing, a weight for each example, or for each step of it."""

FLOOR = 1e-37
"""No probability is smaller than this in a logarithm: float32 has no smaller normal number that every backend keeps."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What every loss has."""

    divisor: Divisor = "counted"
    weights: Weights = ""
    """A batch brings w for each example, or each step. They are drawn where a pair is verified."""
    mask: str = ""
    """Name of the model's input that says which steps are padded, as they are 0 there; none if empty."""

    target: ClassVar[TargetKind] = "real"
    of_rows: ClassVar[bool] = False
    """A row is one term; else each number of it is one."""

    @property
    def target_kind(self) -> TargetKind:
        """What it takes as targets."""
        return self.target


Outputs = Literal["logits", "probabilities"]


@dataclass(frozen=True, kw_only=True)
class OfScores(Loss):
    """What every loss of logits or probabilities has."""

    takes: Outputs = "logits"
    """What the model gives."""
    keras_takes: Outputs | None = None
    """What the Keras model gives, where that is something else; as `takes` for None."""

    def taken(self, is_torch: bool) -> Outputs:
        """What a side's model gives."""
        return self.takes if is_torch or self.keras_takes is None else self.keras_takes


@dataclass(frozen=True)
class CrossEntropy(OfScores):
    """Cross-entropy of classes (Szegedy et al. 2016, section 7, for the smoothing).

    p = softmax(x), or x itself if it takes probabilities, no smaller than 1e-37
    q = (1 - label_smoothing) * one_hot(y) + label_smoothing / classes
    term of a row = -sum over classes of q * log(p)

    A class weight multiplies the whole of a row with that target. torch's weight= does that too, but weighs each
    class's share of a smoothed target by that class.
    """

    dense: bool = False
    """Targets are probabilities (batch, ..., classes), such as one-hot rows; else integers."""
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    """One for each class; 1 for all if there are none."""
    ignored: int | None = None
    """Rows with this target are left out."""
    of_rows = True

    def __post_init__(self) -> None:
        _require(self, 0 <= self.label_smoothing < 1, "label_smoothing from 0 to below 1", self.label_smoothing)
        _require(self, not (self.dense and self.ignored is not None), "an ignored class for integer targets", "dense")

    @property
    def target_kind(self) -> TargetKind:
        """Classes, or probabilities."""
        return "probabilities" if self.dense else "classes"


@dataclass(frozen=True)
class BinaryCrossEntropy(OfScores):
    """Cross-entropy of two classes, for each number of an output.

    q = (1 - label_smoothing) * y + label_smoothing / 2
    term = -pos_weight * q * log(sigmoid(x)) - (1 - q) * log(1 - sigmoid(x)), without overflow
    with p = x in the place of sigmoid(x) if it takes probabilities, p and 1 - p no smaller than 1e-37
    """

    pos_weight: float = 1.0
    label_smoothing: float = 0.0
    target = "binary"

    def __post_init__(self) -> None:
        _require(self, 0 <= self.label_smoothing < 1, "label_smoothing from 0 to below 1", self.label_smoothing)
        _require(self, 0 < self.pos_weight < inf, "pos_weight > 0", self.pos_weight)


@dataclass(frozen=True)
class Focal(OfScores):
    """Focal loss of two classes (Lin et al. 2017, equation 5; equation 4 without alpha), for each number.

    term = -(alpha * y + (1 - alpha) * (1 - y)) * (1 - p)^gamma * log(p),  p that of the true class
    """

    gamma: float = 2.0
    alpha: float | None = None
    """Weight of the class 1, and one minus that of the class 0; both 1 for None."""
    target = "binary"

    def __post_init__(self) -> None:
        _require(self, 0 <= self.gamma < inf, "gamma from 0 on", self.gamma)
        _require(self, self.alpha is None or 0 <= self.alpha <= 1, "alpha from 0 to 1", self.alpha)


@dataclass(frozen=True)
class CategoricalFocal(OfScores):
    """Focal loss of many classes: term of a row = -alpha * (1 - p)^gamma * log(p), p that of the true class."""

    gamma: float = 2.0
    alpha: float = 1.0
    class_weights: tuple[float, ...] = ()
    ignored: int | None = None
    target = "classes"
    of_rows = True


@dataclass(frozen=True)
class Hinge(Loss):
    """Hinge loss (Cortes and Vapnik 1995): term = max(0, margin - (2 y - 1) x), squared if `squared`."""

    margin: float = 1.0
    squared: bool = False
    target = "binary"


@dataclass(frozen=True)
class CategoricalHinge(Loss):
    """Hinge loss of many classes (Crammer and Singer 2001).

    term of a row = max(0, margin + max over classes other than y of x - x[y])
    """

    margin: float = 1.0
    target = "classes"
    of_rows = True


@dataclass(frozen=True)
class SquaredError(Loss):
    """term = (x - y)^2."""


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """term = |x - y|."""


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss (1964): term = r^2 / 2 if r <= delta, else delta * (r - delta / 2), with r = |x - y|."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        _require(self, self.delta > 0, "delta > 0", self.delta)


@dataclass(frozen=True)
class LogCosh(Loss):
    """term = log(cosh(r)) = r + log(1 + exp(-2 r)) - log(2), with r = |x - y|, which does not overflow."""


@dataclass(frozen=True)
class Poisson(Loss):
    """Negative log-likelihood of counts, without log(y!).

    term = exp(x) - y * x        if it takes logarithms of rates
    term = x - y * log(x)        if it takes rates, in the logarithm no smaller than 1e-37
    """

    takes: Literal["logarithms", "rates"] = "logarithms"
    target = "counts"


@dataclass(frozen=True)
class KullbackLeibler(Loss):
    """Kullback-Leibler divergence (1951): term = y * (log(y) - log(p)), 0 where y is 0.

    p = softmax(x), x or exp(x), as it takes logits, probabilities or logarithms; no smaller than 1e-37.
    The sum over a row is divided by rows, not by numbers.
    """

    takes: Literal["logits", "probabilities", "logarithms"] = "logits"
    target = "probabilities"
    of_rows = True


@dataclass(frozen=True)
class CosineSimilarity(Loss):
    """term of a row = -x y / (max(|x|, epsilon) * max(|y|, epsilon)), with Euclidean norms."""

    epsilon: float = 1e-8
    of_rows = True


@dataclass(frozen=True)
class Triplet(Loss):
    """Triplet loss (Schroff et al. 2015, equation 1) of an output (batch, 3, features): anchor, positive, negative.

    d(a, b) = sqrt(sum of (a - b + epsilon)^2), or the sum of (a - b)^2 if `squared`
    term of an example = max(0, d(anchor, positive) - d(anchor, negative) + margin)
    """

    margin: float = 1.0
    squared: bool = False
    epsilon: float = 1e-6
    target = "none"
    of_rows = True


@dataclass(frozen=True)
class CTC(Loss):
    """Connectionist temporal classification (Graves et al. 2006, equations 5 to 8) of logits (batch, steps, classes).

    term of an example = -log(sum over paths that spell its labels of the product of softmax(x) along the path)
    Class 0 is the blank, and what follows the labels of a target. Every step counts.
    """

    target = "sequences"
    of_rows = True

    def __post_init__(self) -> None:
        _require(self, not self.mask and self.weights != "steps", "a loss of whole examples", "steps")


def _require(loss: Loss, is_met: bool, expected: str, found: object) -> None:
    if not is_met:
        raise UserError(f"{type(loss).__name__}: expected {expected}, found {found}.")


LOSSES: tuple[type[Loss], ...] = (
    CrossEntropy,
    BinaryCrossEntropy,
    Focal,
    CategoricalFocal,
    Hinge,
    CategoricalHinge,
    SquaredError,
    AbsoluteError,
    Huber,
    LogCosh,
    Poisson,
    KullbackLeibler,
    CosineSimilarity,
    Triplet,
    CTC,
)
"""All of them; tables and tests go through these."""
OF_EXAMPLES = (Triplet, CTC)
"""Their rows are whole examples."""
