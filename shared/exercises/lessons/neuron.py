"""The exercises of the lesson `neuron`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.common import auc
from twotrack.shared.exercises.numbers import score
from twotrack.shared.exercises.spec import Exercise, Model, Number

NEURON = (
    Exercise(
        "Work out one step on paper.",
        Number(
            "the loss after the step",
            numbers.loss_after_a_step(1.0),
            3,
            {
                "the loss before the step": numbers.loss_after_a_step(0.0),
                "what a step along the gradient gives, not against it": numbers.loss_after_a_step(-1.0),
                "what the new weights give with the old bias": numbers.loss_with_the_old_bias,
            },
        ),
    ),
    Exercise(
        "Read the weights.",
        Number(
            "the weight of tenure after `classic`",
            lambda bench: bench.claim("risk", "weight of tenure"),
            2,
            {"the weight of the charges": lambda bench: bench.claim("risk", "weight of monthly charges")},
        ),
    ),
    Exercise("Too fast, too slow.", auc("at a learning rate of 30", learning_rate=30)),
    Exercise(
        "The same with momentum.",
        auc("with momentum", {"the one without it": score()}, optimizer="momentum"),
    ),
    Exercise("Prove it."),
    Exercise(
        "A neuron without `nn.Linear`.",
        Model("torch", "neuron", "Dense(1) on two features", (2,), "binary_cross_entropy"),
    ),
    Exercise(
        "A layer of your own.", Model("keras", "neuron", "nn.Linear(2, 1)", (2,), "binary_cross_entropy")
    ),
)  # fmt: skip
