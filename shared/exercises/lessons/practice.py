"""The exercises of the lesson `practice`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.spec import Exercise, Model, Number

PRACTICE = (
    Exercise(
        "The first loss.",
        Number("the loss", numbers.loss_of_guessing(5), 2,
               {"the loss of guessing between two": numbers.loss_of_guessing(2)}),
    ),
    Exercise("By heart, with dropout."),
    Exercise("The better score."),
    Exercise(
        "Scaled inside.",
        Model("torch", "scaled_inside", "Rescaling(1 / 127.5, offset=-1), Flatten() and Dense(10)", (28, 28, 1),
              "cross_entropy"),
    ),
    Exercise(
        "Standardised inside.",
        Model("keras", "StandardisedInside", "Linear(2, 1) of (x - mean) / deviation, with mean (32, 65) and deviation "
              "(24, 30)", (2,), "binary_cross_entropy"),
    ),
)  # fmt: skip
