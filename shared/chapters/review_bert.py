"""review_bert: a pretrained BERT encoder tells reviews of dissatisfied customers from the rest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Lt

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.optimizers import AdamW
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import WarmUp
from twotrack.shared.spec.transfer import Transfer
from twotrack.shared.weights.pretrained.bert import DEFAULT, LENGTH

if TYPE_CHECKING:
    import numpy as np

    from twotrack.shared.weights.pretrained.bert.tokens import Tokenise

LAST_BLOCKS = 4
"""Blocks whose states the head sees; all if the encoder has fewer."""


@dataclass(frozen=True)
class Config:
    """Hyperparameters. Inputs token_ids (batch, length), padding_mask (batch, length); logits (batch, 1)."""

    weights: str = DEFAULT
    """The encoder: minilm, a folder in the Hugging Face layout, or a model id of the hub."""
    length: Annotated[int, Ge(3)] = LENGTH
    """Tokens of a review; the rest is cut."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    """In the encoder, and in front of the logits; at 0 there is no dropout layer there."""


def _inputs(config: Config) -> dict[str, Input]:
    from twotrack.shared.weights.pretrained.bert.folder import open_folder

    shape, words = (config.length,), open_folder(config.weights).config.vocab_size
    return {"token_ids": Input(shape, "tokens", words), "padding_mask": Input(shape, "mask")}


def _tokenise(config: Config) -> "Tokenise":
    from twotrack.shared.weights.pretrained.bert.tokens import Tokenise

    return Tokenise(config.weights, config.length)


def _check(config: Config) -> None:
    from twotrack.shared.weights.pretrained.bert.folder import open_folder
    from twotrack.shared.weights.pretrained.bert.tokens import open_tokenizer

    open_tokenizer(open_folder(config.weights), config.length)


def _last_block(config: Config) -> tuple[str, ...]:
    from twotrack.shared.weights.pretrained.bert.folder import open_folder

    return (f"encoder.transformer_layer_{open_folder(config.weights).config.num_hidden_layers - 1}",)


def _weights(config: Config) -> "dict[str, np.ndarray]":
    from twotrack.shared.weights.pretrained.bert.folder import open_folder

    return {f"encoder.{name}": array for name, array in open_folder(config.weights).weights().items()}


CHAPTER = Chapter(
    slug="review_bert",
    title="BERT on reviews",
    dataset="reviews",
    config=Config(),
    recipes={
        "fast": Recipe(
            AdamW(learning_rate=0.003, weight_decay=0.01),
            WarmUp(warmup_share=0.1),
            batch_size=32,
            epochs=20,
            trained="head",
        ),
        "classic": Recipe(
            AdamW(learning_rate=1e-4, weight_decay=0.01), WarmUp(warmup_share=0.1), batch_size=32, epochs=2
        ),
    },
    loss="binary_cross_entropy",
    metric="accuracy",
    margin=0.02,
    input_shape=_inputs,
    baselines=("tfidf_logistic_regression",),
    prepare=_tokenise,
    transfer=Transfer(
        names=(DEFAULT,),
        check=_check,
        weights=_weights,
        last_block=_last_block,
        requires={"torch": ("transformers", "tokenizers"), "keras": ("keras_hub", "tokenizers")},
        extra="bert",
    ),
    verify_examples=320,
    verify_batch_size=4,
    cheap={"length": "16"},
    predict_batch=32,
)
