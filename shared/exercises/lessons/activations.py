"""The exercises of the lesson `activations`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import CUSTOMER, auc
from twotrack.shared.exercises.numbers import parameters, without_biases
from twotrack.shared.exercises.spec import Exercise, Model, Number

ACTIVATIONS = (
    Exercise(
        "Depth.",
        auc("with three layers of sigmoids", activation="sigmoid", num_layers=3),
    ),
    Exercise("One matrix.", auc("without activation", activation="none")),
    Exercise(
        "Which GELU?", Number("the x above 0 at which they are farthest apart", numbers.where_gelus_part, 1)
    ),
    Exercise(
        "A gate.",
        Number(
            "the parameters of the network with `swiglu`",
            parameters(activation="swiglu", num_layers=2, hidden_size=20),
            0,
            {
                "what ReLU has at this width": parameters(num_layers=2, hidden_size=20),
                "the count without biases": without_biases(activation="swiglu", num_layers=2, hidden_size=20),
            },
        ),
    ),
    Exercise(
        "A slope that nobody stated.",
        Model("torch", "leaky_relu", "Dense(16), LeakyReLU() and Dense(1)", CUSTOMER, "binary_cross_entropy"),
    ),
    Exercise(
        "Two halves.",
        Model("keras", "GatedLayer", "Linear(16, 1)(Linear(40, 16)(x) * silu(Linear(40, 16)(x)))", CUSTOMER,
              "binary_cross_entropy"),
    ),
)  # fmt: skip
