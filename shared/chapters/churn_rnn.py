"""churn_rnn: a plain recurrent network reads a customer's last twelve months."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.optimizers import Adam
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, OneCycle

MONTHS, NUM_FEATURES = 12, 5
INPUTS = MappingProxyType({"months": Input((MONTHS, NUM_FEATURES)), "mask": Input((MONTHS,), kind="mask")})
"""The mask is true for real months, which come first."""
RECIPES = MappingProxyType(
    {
        "fast": Recipe(
            optimizer=Adam(learning_rate=3e-3),
            schedule=OneCycle(warmup_share=0.3, start_divisor=25.0, end_divisor=1e4),
            batch_size=64,
            epochs=8,
        ),
        "classic": Recipe(optimizer=Adam(learning_rate=1e-3), schedule=Constant(), batch_size=64, epochs=15),
    }
)


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Inputs months (batch, 12, features 5), mask (batch, 12); logits (batch, 1)."""

    months: ClassVar[int] = MONTHS
    """No setting: the data has that many. Experiments on longer series derive a class with more."""
    hidden_size: Annotated[int, Gt(0)] = 64
    num_layers: Annotated[int, Gt(0)] = 2
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.3
    """After every recurrent layer, not inside; at 0 there are no dropout layers."""


CHAPTER = Chapter(
    slug="churn_rnn",
    title="Recurrent network on months of customers",
    dataset="telco_monthly",
    config=Config(),
    recipes=RECIPES,
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    baselines=("logistic_regression",),
    input_shape=INPUTS,
)
