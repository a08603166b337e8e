"""backprop: one hidden layer, small enough to write out every step of its backward pass."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from annotated_types import Gt

from twotrack.shared.chapters.neuron import FEATURES
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Input (batch, features 2), output logits (batch, 1).

    The features are those of the chapter before: its matrices then fit on a line, its function into
    a picture, and its score shows what the hidden layer adds.
    """

    activation: Literal["sigmoid", "tanh"] = "tanh"
    """Of the hidden layer. Smooth, so that finite differences check the backward pass anywhere."""
    hidden_size: Annotated[int, Gt(0)] = 4


CHAPTER = Chapter(
    slug="backprop",
    title="One hidden layer, and its gradients by hand",
    dataset="telco",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": Recipe(optimizer=SGD(learning_rate=1.0), schedule=Constant(), batch_size=64, epochs=5),
            "classic": Recipe(optimizer=SGD(learning_rate=0.1), schedule=Constant(), batch_size=64, epochs=20),
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
