"""The exercises of the lesson `optimizers`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import CUSTOMER, auc
from twotrack.shared.exercises.numbers import score
from twotrack.shared.exercises.spec import Exercise, Model, Number

OPTIMIZERS = (
    Exercise(
        "Ten times too fast.",
        auc("of Adam at 0.1", {"the one at 0.01": score(optimizer="adam")}, optimizer="adam", learning_rate=0.1),
    ),
    Exercise(
        "Signs.",
        Number("how far a weight can come", numbers.way_of_a_weight, 2,
               {"the way at the peak rate in every step": numbers.way_at_the_peak}),
    ),
    Exercise("Prove it."),
    Exercise(
        "Momentum, written by you.",
        Model("torch", "hidden_relu", "Dense(16, relu) and Dense(1), SGD(0.1, momentum=0.9)", CUSTOMER,
              "binary_cross_entropy", "momentum"),
    ),
    Exercise(
        "A look ahead.",
        Model("keras", "hidden_relu", "Linear(40, 16), ReLU, Linear(16, 1); SGD(lr=0.1, momentum=0.9, nesterov=True)",
              CUSTOMER, "binary_cross_entropy", "nesterov"),
    ),
)  # fmt: skip
