"""Every tolerance of the ladder, in one table, each with its reason. Differences are relative."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """The largest relative difference that passes, in float64."""

    limit: float
    reason: str


TOLERANCES = {
    "forward": Tolerance(
        1e-12,
        "float64 rounds to 1e-16; sums of a few thousand terms in another order stay below 1e-13 of the largest output",
    ),
    "gradients": Tolerance(
        1e-11,
        "as forward, with the sums over batch and positions of the backward pass on top",
    ),
    "training": Tolerance(
        1e-9,
        "each of 20 steps feeds rounding back into the weights; Adam divides by sqrt(v), which enlarges it",
    ),
    "exact": Tolerance(
        1e-9,
        "as training, over all steps of a run; what an epoch of each chapter measures is in tests/exact",
    ),
}

GRADIENT_SCALE_FLOOR = 1e-3
"""A gradient is compared relative to the largest of its layer, whose weights all sum the same backpropagated errors,
and at least to this share of the model's largest. A bias before batch normalisation shows why: its gradient is zero in
exact arithmetic, so what both sides have is the rounding of that sum."""

ACCURACY_MARGIN = 0.05
"""Two one-sided tests must place the difference in the chapter's metric within it. After so short a training, runs of
one track that differ in dropout alone have a standard deviation of 0.003 (mnist_cnn) and 0.009 (bn_gap), n = 6; the
interval over 5 seeds must fit in beside the difference itself. The exact rungs have found every difference of
mathematics by then; this one would show a dropout that is off. `twotrack compare` trains on all data, with the
chapter's own margin."""

PREDICTIONS_LIMIT = 1e-5
"""Probabilities of one set of trained weights, float32, between tracks: the largest absolute difference. Measured on
test splits: at most 7.1e-7 (docs/guides/switching-backends.md and porting.md)."""
