"""Experiments by chapter: questions that a measurement in each track answers.

The table is light: an experiment's function is imported when it is run.
"""

from twotrack.shared import chapters
from twotrack.shared.errors import UserError, unknown

EXPERIMENTS: dict[str, dict[str, str]] = {
    "neuron": {
        "by_hand": "Does one update by hand lead to the weights that the framework finds?",
        "risk": "Whom does the trained neuron warn of?",
    },
    "backprop": {"gradients": "Are the gradients by hand those of the framework, and of finite differences?"},
    "activations": {
        "values": "Do the activations and their derivatives follow the formulas?",
        "linear": "What does a deep network without activations compute?",
        "vanishing": "How much gradient reaches the first of ten layers?",
        "dead_units": "How many ReLU units die, and what do LeakyReLU and PReLU do about it?",
    },
    "optimizers": {"race": "How many steps does each optimizer take to the same loss?"},
    "churn_rnn": {"through_time": "How much gradient reaches the first of twelve months, and of 96 steps?"},
    "churn_lstm": {"forget_gate": "What does the forget gate do to a gradient on its way through 96 steps?"},
    "churn_transformer": {
        "length": "What do longer series cost, month after month and all at once?",
        "attention": "Which months does each head look at?",
    },
    "shop_transfer": {"images_per_class": "What are pretrained weights worth, with 10 to 500 pictures a class?"},
}
"""Question by name, by chapter; the function of the same name in twotrack.shared.experiments.<chapter> answers it."""


def names(slug: str, experiments: list[str]) -> list[str]:
    """Return the asked experiments of a chapter, all if none is; UserError for what does not exist."""
    chapters.get(slug)
    if slug not in EXPERIMENTS:
        raise UserError(f"'{slug}' has no experiments; these chapters have: {', '.join(EXPERIMENTS)}.")
    known = EXPERIMENTS[slug]
    for name in experiments:
        if name not in known:
            raise unknown(f"experiment of {slug}", name, known, f"'{slug}' has: {', '.join(known)}.")
    return experiments or list(known)
