"""The exercises of the lesson `churn_mlp`, in the order of its page."""

from twotrack.shared.exercises.common import CUSTOMER, auc
from twotrack.shared.exercises.numbers import parameters, score, without_biases
from twotrack.shared.exercises.spec import Exercise, Model, Number

CHURN_MLP = (
    Exercise(
        "Take dropout away.",
        auc("without dropout", {"the one with dropout": score()}, dropout=0),
    ),
    Exercise(
        "A larger network.",
        Number(
            "its parameters",
            parameters(hidden_size=128, num_layers=3),
            0,
            {
                "what two layers have": parameters(hidden_size=128, num_layers=2),
                "the count without biases": without_biases(hidden_size=128, num_layers=3),
            },
        ),
    ),
    Exercise(
        "No hidden non-linearity.",
        auc("without non-linearity", {"the one with ReLU": score(dropout=0)}, activation="none", dropout=0),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters",
            parameters(activation="swiglu", hidden_size=24),
            0,
            {
                "what ReLU has, which needs no second half": parameters(hidden_size=24),
                "the count without biases": without_biases(activation="swiglu", hidden_size=24),
            },
        ),
    ),
    Exercise("Seeds and intervals."),
    Exercise("Your own customers."),
    Exercise(
        "GELU, which one?",
        Model("torch", "gelu_by_tanh", "Dense(24), gelu(approximate=True), Dropout(0.1), Dense(1)", CUSTOMER,
              "binary_cross_entropy"),
    ),
    Exercise(
        "A residual connection.",
        Model("keras", "ResidualLayer", "h = relu(Linear(40, 16)(x)), then Linear(16, 1)(h + relu(Linear(16, 16)(h)))",
              CUSTOMER, "binary_cross_entropy"),
    ),
)  # fmt: skip
