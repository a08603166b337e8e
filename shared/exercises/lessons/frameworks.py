"""The exercises of the lesson `frameworks`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import CUSTOMER
from twotrack.shared.exercises.spec import Exercise, Model, Number

FRAMEWORKS = (
    Exercise(
        "Forget a line.",
        Number("the first weight without `zero_grad()`", numbers.trained_weight(forgets_to_zero=True), 2,
               {"the one with `zero_grad()`": numbers.trained_weight(forgets_to_zero=False)}),
    ),
    Exercise("Say it twice."),
    Exercise("Choose."),
    Exercise(
        "Two defaults.",
        Model("torch", "two_defaults", "Dense(16), LayerNormalization(), LeakyReLU() and Dense(1)", CUSTOMER,
              "binary_cross_entropy"),
    ),
    Exercise(
        "The other way round.",
        Model("keras", "normalised_by_batch", "Linear(40, 16), BatchNorm1d(16), ELU(), Dropout(0.5), Linear(16, 1)",
              CUSTOMER, "binary_cross_entropy"),
    ),
)  # fmt: skip
