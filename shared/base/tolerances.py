"""Every tolerance of twotrack in one table, each with its reason. Those of the ladder are relative."""

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
    "range": Tolerance(
        1e-12,
        "as forward, relative to the largest value of the row; what rounding may add to it on extreme values is "
        "measured, see ROUNDING_SHARE and UNIT_ROUNDING",
    ),
    "pieces": Tolerance(1e-12, "as range: the inputs that were looked for are as wide"),
    "gradients": Tolerance(
        1e-11,
        "as forward, with the sums over batch and positions of the backward pass on top",
    ),
    "loss": Tolerance(
        1e-11,
        "as gradients, relative to the loss and gradient of a batch, and at least to those of ordinary outputs, which "
        "set how much a small one moves; what rounding does to extreme outputs is measured, see LOSS_ROUNDING",
    ),
    "optimizer": Tolerance(
        1e-11,
        "given gradients feed nothing back, so rounding adds up and no more: over 2,000 steps shared optimizers, and "
        "equal ones of users' own, measure at most 1e-13",
    ),
    "training": Tolerance(
        1e-9,
        "each of 20 steps feeds rounding back into the weights; Adam divides by sqrt(v), which enlarges it. A network "
        "that enlarges it further is judged from common weights in every step, by this limit, and over all steps by "
        "how far it moves from itself (STRAYED_AT_MOST)",
    ),
    "exact": Tolerance(
        1e-9,
        "as training, over all steps of a run; what an epoch of each chapter measures is in tests/exact",
    ),
}

FLOAT32_UNITS = 2.0**29
"""Unit roundoff of float32 over that of float64. Values that were recorded in float32 are compared to as many units of
rounding as those in float64, so what is smaller than that is not seen: a verdict on them says so."""


def limit_in(rung: str, precision: str) -> float:
    """Return the limit of a rung on values of a precision, float64 or float32."""
    return TOLERANCES[rung].limit * (FLOAT32_UNITS if precision == "float32" else 1.0)


RECORDED_GROWTH = 1e4
"""Rounding that a network enlarges grows from step to step of a training, by 3 to 300 in deep ones with batch
normalisation. Two recorded trainings that part by more than the limit in a later step differ for certain only if they
part this many times as far as in all steps before, for each step between: a recording cannot be continued from common
weights."""

ROUNDING_SHARE = 8 * 2.0**-29
"""Of what float32 is off. Of one computation float32's rounding is 2^29 times float64's, so two sides that are one may
differ in float64 by 2^-29 of what both of them are off in float32, whatever a computation does to its rounding: the
variance of values around 1e4 as E[x^2] - E[x]^2 loses four digits in either. All of these are draws: float32 is drawn
four times, from inputs that round one way or the other, and eight times the largest is less than float64's with
probability 3e-4 if a single number made all of it. What counts as off is at most the value itself, so no difference
above 1.5e-8 of it can hide. Where float32 is not finite, nothing is added."""

ENLARGED_ROUNDING = 8.0
"""Two sides may part in training mode by so many times what one of them is moved by, the largest of four draws, when
each of its weights is moved by four units of rounding and every operation rounds at random: batch normalisation of few
numbers, layer behind layer, enlarges rounding by orders. Both are one growth from random beginnings: the ratio of two
such numbers exceeds k with a probability of 2 / (pi k), so for eight times the largest of four it is below 3e-4."""
ENLARGED_AT_MOST = 1e-4
"""What is more is no rounding, whatever moved weights do: a network that enlarges rounding so far cannot be proved."""
ENLARGED_ON_EXTREMES = 1e-2
"""What is more is no rounding on extreme values, either. Batch normalisation of 1 + 1e-7 with an epsilon of 1e-12 parts
a variance as E[x^2] - E[x]^2 from one of differences by 1.1e-4. Less is in full view on rows of other values."""
STATED_ROUNDING = 1.5e-8
"""An allowance for rounding above it, a share of 2^-26, is stated as an exception: that much of a value may hide."""

UNIT_ROUNDING = 4 * 2.0**-52
"""Of 1, or of the largest value that went in: sigmoid, softplus or GELU add 1 to what may be far smaller, and means are
taken of large values. The rounding of that stays, absolutely, however small the outcome is."""

LOSS_ROUNDING = 16 * 2.0**-29
"""How far rounding may part two losses on the same outputs in float64, as a share of what it does to either of them
from float32 to float64. Rounding shrinks by 2^-29 from one precision to the other, whatever is lost where terms cancel,
as in the logarithm of a probability near 1 and in a difference of large logits; a difference of mathematics does not.
The factor allows for sums in another order, and for a sample of roundings that are smaller in float32 by chance."""

GRADIENT_SCALE_FLOOR = 1e-3
"""A gradient is compared relative to the largest of its layer, whose weights all sum the same backpropagated errors,
and at least to this share of the model's largest. A bias before batch normalisation shows why: its gradient is zero in
exact arithmetic, so what both sides have is the rounding of that sum."""

EXPLAINED_BY_GRADIENTS = 2.0
"""A step from common weights may exceed the limit of the rung training where the optimizer makes as much of gradients
that differ by no more than the limit of the rung gradients: torch does each step again with gradients moved by it, up,
down and at random, and the largest effect on each number, times this, is what that number may differ by. Both sides may
be off the exact gradient by it, in opposite directions. Adam and RMSprop divide by the root of an average of squares
and Lion takes the sign: of a gradient that is zero but for rounding (a bias before batch normalisation) they make a
step of any sign."""

ROUNDED_GRADIENT = 1e-6
"""Share of the largest gradient of its layer: a gradient above it is right to 1e-5 within the limit of the rung
gradients, so that no optimizer turns its rounding into a difference of the first step that the rung training sees."""

STRAYED_AT_MOST = 100.0
"""Two sides left alone may part by so many times what torch parts from itself, when after each step its weights are
moved by as much, at random, as the other side's were found to differ after one step from common weights. Both are one
growth from two random beginnings, whose ratio |x / y| exceeds k with a probability of 2 / (pi k), of the larger of two
draws about 0.6 / k^2: one in 15,000."""

ALL_DIGITS = 1.0
"""Of the largest number of a weight: a training that rounding moves by more than that from itself has no digit in
common with itself any more. How far another one has gone by then is chance, which steps from common weights are not."""

ACCURACY_MARGIN = 0.05
"""Two one-sided tests must place the difference in the chapter's metric within it. After so short a training, runs of
one track that differ in dropout alone have a standard deviation of 0.003 (mnist_cnn) and 0.009 (bn_gap), n = 6; the
interval over 5 seeds must fit in beside the difference itself. The exact rungs have found every difference of
mathematics by then; this one would show a dropout that is off. `twotrack compare` trains on all data, with the
chapter's own margin."""

PREDICTIONS_LIMIT = 1e-5
"""Probabilities of one set of trained weights, float32, between tracks: the largest absolute difference. Measured on
test splits: at most 7.1e-7 (docs/guides/switching-backends.md and porting.md)."""

EXPORT_LIMIT = 1e-5
"""Probabilities of an exported model, reloaded in its runtime, and of the run that it was made of, float32: the largest
absolute difference. Another runtime sums in another order, like another track, and has the same limit as one."""

SCATTER_ROUNDING = 1e-12
"""Differences of two scores that spread by less than this are one difference and the rounding of the subtraction:
scores lie between 0 and 1, where float64 rounds to 1e-16."""

LEDGER_VALUE = 1e-5
"""Relative, between what an entry of the ledger says and what the installed framework does: what float32 leaves of a
few steps. An entry may have its own, where the values are statistics of draws."""

LEDGER_ZERO = 1e-12
"""Absolute, for values of the ledger that are 0: what float64 leaves of one."""

LEDGER_REMAINING = 1e-5
"""Between outputs that are aligned, or equal by default, float32: the rounding of a small layer or of a few steps. An
entry may have its own."""

SAME_HYPERPARAMETER = 1e-6
"""Relative, between one hyperparameter of both sides: a framework may keep it in float32."""

STEP_ERROR = 1e-4
"""Of a weight near 1, after a step with learning rate 1: above float32's rounding of the step, and below the step."""

ROUNDING_REACH = 4.0
"""In a lower precision a side may be so many times as far from float64 as the farthest of 64 simulated steps, whose
operations round at random. What it does is one more draw of the same rounding: a normal number exceeds four times the
largest of 64 others with a probability below 1e-11."""
