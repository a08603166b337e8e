"""The chapters, in teaching order."""

from twotrack.shared.chapters import (
    activations,
    backprop,
    churn_lstm,
    churn_mlp,
    churn_rnn,
    churn_transformer,
    mnist_cnn,
    neuron,
    optimizers,
    review_bert,
    shop_transfer,
)
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.errors import unknown

_IN_ORDER = (
    neuron,
    backprop,
    churn_mlp,
    activations,
    optimizers,
    mnist_cnn,
    churn_rnn,
    churn_lstm,
    churn_transformer,
    review_bert,
    shop_transfer,
)

CHAPTERS: dict[str, Chapter] = {module.CHAPTER.slug: module.CHAPTER for module in _IN_ORDER}


def get(slug: str) -> Chapter:
    """Return the chapter; UserError with the nearest slug otherwise."""
    if slug not in CHAPTERS:
        raise unknown("chapter", slug, CHAPTERS, "'twotrack list' shows all chapters.")
    return CHAPTERS[slug]
