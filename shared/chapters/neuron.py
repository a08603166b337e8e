"""neuron: one neuron, which is logistic regression, on two numbers of a customer."""

from dataclasses import dataclass
from types import MappingProxyType

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant

FEATURES = ("tenure", "monthly_charges")
"""Two, so that the data and the line that the neuron draws through them fit into one picture."""


@dataclass(frozen=True)
class Config:
    """No hyperparameters. Input (batch, features 2), output logits (batch, 1)."""


CHAPTER = Chapter(
    slug="neuron",
    title="One neuron on customer churn",
    dataset="telco",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": Recipe(optimizer=SGD(learning_rate=1.0), schedule=Constant(), batch_size=64, epochs=2),
            "classic": Recipe(optimizer=SGD(learning_rate=0.1), schedule=Constant(), batch_size=64, epochs=10),
        }
    ),
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    input_shape=(len(FEATURES),),
    features=FEATURES,
    baselines=("logistic_regression", "gradient_boosting"),
)
