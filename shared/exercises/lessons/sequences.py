"""The exercises of the lesson `sequences`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import MONTHS
from twotrack.shared.exercises.spec import Exercise, Model, Number

SEQUENCES = (
    Exercise(
        "Factors.",
        Number("what is left after 12 steps", numbers.product(0.9, 12), 2,
               {"what is left after 11 steps": numbers.product(0.9, 11)}),
    ),
    Exercise(
        "Pairs.",
        Number("the pairs of 192 steps", numbers.pairs(192), 0, {"what 48 steps have": numbers.pairs(48)}),
    ),
    Exercise("Which one?"),
    Exercise(
        "Both ways.",
        Model("torch", "both_ways", "Bidirectional(LSTM(8)) and Dense(1)", MONTHS, "binary_cross_entropy"),
    ),
    Exercise(
        "No future.",
        Model("keras", "NoFuture", "x + MultiheadAttention(16, 2)(x, x, x), each place looking at those up to its own, "
              "the mean over the places, Linear(16, 1)", (8, 16), "binary_cross_entropy"),
    ),
)  # fmt: skip
