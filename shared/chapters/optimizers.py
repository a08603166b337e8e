"""optimizers: one small perceptron, trained by every optimizer at a learning rate of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from annotated_types import Gt

from twotrack.shared.chapters.churn_mlp import NUM_FEATURES
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.optimizers import SGD, Adam, AdamW, Lion, Optimizer, Sophia
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, OneCycle


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Input (batch, features 40), output logits (batch, 1)."""

    hidden_size: Annotated[int, Gt(0)] = 32
    num_layers: Annotated[int, Gt(0)] = 2
    """Hidden layers, with ReLU and without dropout, so that the optimizer makes the difference."""


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        "sgd": SGD(learning_rate=1.0),
        "momentum": SGD(learning_rate=0.1, momentum=0.9),
        "adam": Adam(learning_rate=1e-2),
        "adamw": AdamW(learning_rate=1e-2, weight_decay=0.01),
        "lion": Lion(learning_rate=3e-3, weight_decay=0.1),  # a third to a tenth of Adam's rate, as the paper advises
        "sophia": Sophia(learning_rate=1e-3),
    }
)

CHAPTER = Chapter(
    slug="optimizers",
    title="Six optimizers on one perceptron",
    dataset="telco",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": Recipe(
                optimizer=OPTIMIZERS["adam"],
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
    optimizers=OPTIMIZERS,
    baselines=("logistic_regression", "gradient_boosting"),
)
