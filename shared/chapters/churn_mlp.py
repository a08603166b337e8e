"""churn_mlp: a multilayer perceptron that tells which customers will leave."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.activations import Activation
from twotrack.shared.spec.optimizers import Adam, AdamW
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, OneCycle

NUM_FEATURES = 40
"""All columns of the data set telco."""


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Input (batch, features 40), output logits (batch, 1)."""

    activation: Activation = "relu"
    hidden_size: Annotated[int, Gt(0)] = 64
    num_layers: Annotated[int, Gt(0)] = 2
    """Hidden layers."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.2
    """After every hidden layer; at 0 there are no dropout layers."""


CHAPTER = Chapter(
    slug="churn_mlp",
    title="Multilayer perceptron on customer churn",
    dataset="telco",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": Recipe(
                optimizer=AdamW(learning_rate=5e-3, weight_decay=0.1),
                schedule=OneCycle(warmup_share=0.3, start_divisor=25.0, end_divisor=1e4),
                batch_size=64,
                epochs=5,
            ),
            "classic": Recipe(optimizer=Adam(learning_rate=1e-3), schedule=Constant(), batch_size=64, epochs=15),
        }
    ),
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    input_shape=(NUM_FEATURES,),
    baselines=("logistic_regression", "gradient_boosting"),
)
