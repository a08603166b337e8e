"""The exercises of the lesson `backprop`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import auc
from twotrack.shared.exercises.numbers import parameters, score
from twotrack.shared.exercises.spec import Exercise, Model, Number

BACKPROP = (
    Exercise(
        "Derive it for the sigmoid.",
        auc("with the sigmoid", {"the one with tanh": score()}, activation="sigmoid"),
    ),
    Exercise("Break a line."),
    Exercise("More units.", auc("with 32 units", hidden_size=32)),
    Exercise("One unit.", auc("with one unit", hidden_size=1)),
    Exercise(
        "Count operations.",
        Number("the multiplications of a forward pass, for one customer", numbers.kernels(), 0,
               {"the count of all parameters, biases included": parameters()}),
    ),
    Exercise("The whole ladder."),
    Exercise(
        "The backward pass, written by you.",
        Model("torch", "hidden_tanh", "Dense(4, tanh) and Dense(1)", (2,), "binary_cross_entropy"),
    ),
    Exercise(
        "Eight sigmoids.",
        Model("keras", "eight_sigmoids", "Linear(2, 8), Sigmoid and Linear(8, 1)", (2,), "binary_cross_entropy"),
    ),
)  # fmt: skip
