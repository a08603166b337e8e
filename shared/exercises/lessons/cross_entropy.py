"""The exercises of the lesson `cross_entropy`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.spec import Exercise, Model, Number

CROSS_ENTROPY = (
    Exercise(
        "By hand.",
        Number(
            "the loss",
            numbers.loss_of_logits(),
            2,
            {
                "the loss if the first class were true": numbers.loss_of_logits(0),
                "the loss if the third class were true": numbers.loss_of_logits(2),
            },
        ),
    ),
    Exercise("Guessing.", Number("the loss", numbers.loss_of_guessing(10), 2)),
    Exercise(
        "Why 1.46?",
        Number(
            "the bound for 100 classes",
            numbers.least_loss_of_softmax_twice(100),
            2,
            {
                "the bound for ten classes": numbers.least_loss_of_softmax_twice(10),
                "the loss of guessing": numbers.loss_of_guessing(100),
            },
        ),
    ),
    Exercise(
        "Shares, not logits.",
        Model("torch", "shares", "Dense(3) and Softmax() on four features, under the squared error", (4,),
              "mean_squared_error"),
    ),
    Exercise("A temperature.", Model("keras", "Temperature", "Linear(4, 3)(x) / 2", (4,), "cross_entropy")),
)  # fmt: skip
