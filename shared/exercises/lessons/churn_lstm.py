"""The exercises of the lesson `churn_lstm`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import MONTHS
from twotrack.shared.exercises.numbers import parameters, without_biases
from twotrack.shared.exercises.spec import Exercise, Model, Number

CHURN_LSTM = (
    Exercise(
        "Which gate?",
        Number("the share with a bias of 1", numbers.share_of_the_first_step(1), 2,
               {"the share with a bias of 0": numbers.share_of_the_first_step(0)}),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters of the network",
            parameters(),
            0,
            {
                "the count without biases": without_biases(),
                "the first layer alone": numbers.of_layer("lstm1"),
            },
        ),
    ),
    Exercise("Prove it."),
    Exercise(
        "All months.",
        Model("torch", "lstm_of_all_months", "LSTM(16, return_sequences=True), the mean over the months, Dense(1)",
              MONTHS, "binary_cross_entropy"),
    ),
    Exercise(
        "One gate less.",
        Model("keras", "GatedRecurrence", "nn.GRU(5, 16) and Linear(16, 1) of the last state", MONTHS,
              "binary_cross_entropy"),
    ),
)  # fmt: skip
