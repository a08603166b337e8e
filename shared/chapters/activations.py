"""activations: a deep perceptron in which the activation decides how much gradient reaches the first layer."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from annotated_types import Gt

from twotrack.shared.chapters.churn_mlp import NUM_FEATURES
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.activations import Activation
from twotrack.shared.spec.optimizers import Adam
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, OneCycle


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Input (batch, features 40), output logits (batch, 1)."""

    activation: Activation = "relu"
    hidden_size: Annotated[int, Gt(0)] = 32
    num_layers: Annotated[int, Gt(0)] = 10
    """Hidden layers."""


CHAPTER = Chapter(
    slug="activations",
    title="Ten activations in a deep perceptron",
    dataset="telco",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": Recipe(
                optimizer=Adam(learning_rate=3e-3),
                schedule=OneCycle(warmup_share=0.3, start_divisor=25.0, end_divisor=1e4),
                batch_size=64,
                epochs=4,
            ),
            "classic": Recipe(optimizer=Adam(learning_rate=1e-3), schedule=Constant(), batch_size=64, epochs=10),
        }
    ),
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    input_shape=(NUM_FEATURES,),
    baselines=("logistic_regression", "gradient_boosting"),
)
