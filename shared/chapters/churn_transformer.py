"""churn_transformer: a Transformer encoder reads a customer's last twelve months, all at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Lt

from twotrack.shared.chapters.churn_rnn import INPUTS, MONTHS, RECIPES
from twotrack.shared.chapters.spec import Chapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from twotrack.shared.spec.inputs import Inputs


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Inputs months (batch, 12, features 5), mask (batch, 12); logits (batch, 1)."""

    months: ClassVar[int] = MONTHS
    """No setting: the data has that many. Experiments on longer series derive a class with more."""
    hidden_size: Annotated[int, Gt(0)] = 32
    """A multiple of num_heads; even for sinusoidal positions."""
    num_heads: Annotated[int, Gt(0)] = 4
    num_layers: Annotated[int, Gt(0)] = 2
    ffn_size: Annotated[int, Gt(0)] = 64
    norm: Literal["pre", "post"] = "pre"
    """Layer normalisation before each part of a block (Xiong et al. 2020) or after it (Vaswani et al. 2017)."""
    positions: Literal["learned", "sinusoidal"] = "learned"
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    """After attention and after the feed-forward part; at 0 there are no dropout layers."""


def _attention(weights: "Mapping[str, np.ndarray]", config: Config, inputs: "Inputs") -> "np.ndarray":
    import numpy as np

    from twotrack.shared.by_hand import transformer

    return np.stack(transformer.forward(weights, config, inputs["months"], inputs["mask"]).attention, axis=1)


CHAPTER = Chapter(
    slug="churn_transformer",
    title="Transformer encoder on months of customers",
    dataset="telco_monthly",
    config=Config(),
    recipes=RECIPES,
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    baselines=("logistic_regression",),
    input_shape=INPUTS,
    attention=_attention,
)
