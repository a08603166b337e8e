"""The exercises of the lesson `churn_rnn`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import MONTHS, auc
from twotrack.shared.exercises.numbers import parameters, score, without_biases
from twotrack.shared.exercises.spec import Exercise, Model, Number

CHURN_RNN = (
    Exercise(
        "One layer.",
        auc("of one layer", {"the one of two layers": score()}, num_layers=1),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters of the network with one layer",
            parameters(num_layers=1),
            0,
            {
                "the layer alone": numbers.of_layer("rnn1", num_layers=1),
                "the count without biases": without_biases(num_layers=1),
            },
        ),
    ),
    Exercise("Prove it."),
    Exercise(
        "Two biases.",
        Model("torch", "recurrent_relu", "SimpleRNN(16, activation='relu') and Dense(1)", MONTHS,
              "binary_cross_entropy"),
    ),
    Exercise(
        "Layer upon layer.",
        Model("keras", "TwoRecurrentLayers", "nn.RNN(5, 16), nn.RNN(16, 8), Linear(8, 1) of the last state; bias_hh is "
              "0 and not trained", MONTHS, "binary_cross_entropy"),
    ),
)  # fmt: skip
