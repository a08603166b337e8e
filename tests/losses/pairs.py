"""Pairs whose losses are stated once, by output, with weights and masks, or by hand: honest ones, and wrong ones.

Models are as people write them: a tagger that masks, a body with two heads, a classifier with weights of classes.
"""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.support.named_pairs import numbered
from twotrack import CustomLoss, Input, Pair
from twotrack.shared.spec.loss_specs import (
    CTC,
    AbsoluteError,
    BinaryCrossEntropy,
    CosineSimilarity,
    CrossEntropy,
    Focal,
    Huber,
    KullbackLeibler,
    Poisson,
    SquaredError,
    Triplet,
)  # fmt: skip
from twotrack.shared.spec.objective import OutputLoss

WEIGHTS = (0.4, 1.0, 3.0)
CLASSES = 3


def dense(outputs: int = CLASSES, link: str | None = None) -> Callable[[], Any]:
    return sequential(
        lambda k: k.Input((8,)),
        lambda k: k.Dense(6, activation="tanh", name="hidden"),
        lambda k: k.Dense(outputs, activation=link, name="out"),
    )


def linear(outputs: int = CLASSES) -> Callable[[], Any]:
    return modules(hidden=lambda nn: nn.Linear(8, 6), tanh=lambda nn: nn.Tanh(), out=lambda nn: nn.Linear(6, outputs))


def pair(loss: Any, outputs: int = CLASSES, link: str | None = None) -> Pair:
    return Pair(dense(outputs, link), linear(outputs), (8,), loss)


# === Classes that weigh differently ===


def keras_cross_entropy() -> Any:
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def torch_by_weights() -> Any:
    import torch
    from torch import nn

    return lambda x, y: nn.CrossEntropyLoss(torch.tensor(WEIGHTS, dtype=x.dtype))(x, y)


def torch_by_count() -> Any:
    import torch
    from torch.nn import functional as f

    return lambda x, y: f.cross_entropy(x, y, torch.tensor(WEIGHTS, dtype=x.dtype), reduction="sum") / len(y)


FIT = dict(enumerate(WEIGHTS))

# === Samples that weigh differently ===


def keras_squares() -> Any:
    import keras

    return keras.losses.MeanSquaredError()


def torch_weighed_squares() -> Any:
    return lambda x, y, weights: (weights[:, None] * (x - y).square()).mean()


def torch_normed_squares() -> Any:
    return lambda x, y, weights: (weights[:, None] * (x - y).square()).mean() / weights.mean()


# === Cosines ===


def keras_cosine() -> Any:
    import keras

    return keras.losses.CosineSimilarity()


def torch_cosine() -> Any:
    from torch.nn import functional as f

    return lambda x, y: -f.cosine_similarity(x, y).mean()


def torch_normalized() -> Any:
    """As Keras': a norm counts as 1e-7 at the least."""
    from torch.nn import functional as f

    return lambda x, y: -(f.normalize(x, dim=-1, eps=1e-7) * f.normalize(y, dim=-1, eps=1e-7)).sum(-1).mean()


# === Two heads ===


def keras_heads() -> Any:
    import keras
    from keras import layers

    x = keras.Input((5,))
    y = layers.Dense(7, activation="tanh", name="body")(x)
    return keras.Model(x, [layers.Dense(CLASSES, name="species")(y), layers.Dense(1, name="weight")(y)])


def torch_heads() -> Any:
    from torch import nn

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.species, self.weight = nn.Linear(5, 7), nn.Linear(7, CLASSES), nn.Linear(7, 1)

        def forward(self, x: Any) -> Any:
            x = self.body(x).tanh()
            return self.species(x), self.weight(x)

    return TwoHeads()


def heads(loss: Any) -> Pair:
    return Pair(keras_heads, torch_heads, (5,), loss)


def by_head(torch_weight: float | None = None) -> dict[str, Any]:
    return {
        "species": OutputLoss(CrossEntropy(), 0.2, torch_weight),
        "weight": OutputLoss(AbsoluteError(), 0.8, torch_weight),
    }


def keras_of_heads() -> Any:
    import keras

    return [keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.losses.MeanSquaredError()]


def torch_of_heads(weights: tuple[float, float]) -> Callable[[], Any]:
    def build() -> Any:
        from torch.nn import functional as f

        def loss(outputs: Any, targets: Any) -> Any:
            species, weight = f.cross_entropy(outputs[0], targets[0]), f.mse_loss(outputs[1], targets[1])
            return weights[0] * species + weights[1] * weight

        return loss

    return build


def whole(torch: tuple[float, float]) -> Pair:
    loss = CustomLoss(keras_of_heads, torch_of_heads(torch), ("classes", "real"), loss_weights=(0.2, 0.8))
    return heads(loss)


# === Padded steps ===


def keras_tagger() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(8, 5, mask_zero=True, name="embedding"),
            layers.Dense(CLASSES, name="tags"),
        ]
    )


def torch_tagger() -> Any:
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.tags = nn.Embedding(8, 5), nn.Linear(5, CLASSES)

        def forward(self, tokens: Any) -> Any:
            return self.tags(self.embedding(tokens))

    return Tagger()


def torch_masked(divide_by_all: bool = False) -> Callable[[], Any]:
    def build() -> Any:
        from torch.nn import functional as f

        def loss(outputs: Any, labels: Any, mask: Any) -> Any:
            each = f.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none").reshape(labels.shape)
            return (each * mask).sum() / (mask.numel() if divide_by_all else mask.sum())

        return loss

    return build


def tagger(loss: Any) -> Pair:
    return Pair(keras_tagger, torch_tagger, Input((6,), kind="tokens", size=8), loss)


def masked(divide_by_all: bool) -> CustomLoss:
    return CustomLoss(keras_cross_entropy, torch_masked(divide_by_all), "classes", mask="input")


HONEST: dict[str, Pair] = {
    "class weights": pair(CrossEntropy(class_weights=WEIGHTS, divisor="rows")),
    "class weights of fit": pair(CustomLoss(keras_cross_entropy, torch_by_count, "classes", class_weight=FIT)),
    "sample weights": pair(Huber(weights="examples")),
    "sample weights by hand": pair(CustomLoss(keras_squares, torch_weighed_squares, "real", "examples")),
    "softmax in Keras": pair(CrossEntropy(keras_takes="probabilities"), link="softmax"),
    "sigmoid in Keras": pair(BinaryCrossEntropy(keras_takes="probabilities", pos_weight=2.0), 2, "sigmoid"),
    "a loss for each output": heads(by_head()),
    "a function of all outputs": whole((0.2, 0.8)),
    "padded steps": tagger(CrossEntropy(mask="input")),
    "padded steps by hand": tagger(masked(False)),
    "every step counts": tagger(CrossEntropy()),
    "step weights": tagger(CrossEntropy(weights="steps", mask="input", divisor="weights")),
    "focal": pair(Focal(alpha=0.25), 2),
    "counts": pair(Poisson(), 2),
    "probabilities": pair(KullbackLeibler()),
    "cosine": pair(CosineSimilarity(), 4),
    "a cosine by hand": pair(CustomLoss(keras_cosine, torch_normalized, "real"), 4),
    "triplets": Pair(
        sequential(lambda k: k.Input((3, 4)), lambda k: k.Dense(5, name="out")),
        modules(out=lambda nn: nn.Linear(4, 5)),
        (3, 4),
        Triplet(),
    ),
    "transcripts": Pair(
        sequential(lambda k: k.Input((6, 4)), lambda k: k.Dense(5, name="out")),
        modules(out=lambda nn: nn.Linear(4, 5)),
        (6, 4),
        CTC(),
    ),
    "squares": pair(SquaredError(), 2),
}
WRONG: dict[str, tuple[Pair, str, str]] = {
    "class weights of fit, divided by their sum": (
        pair(CustomLoss(keras_cross_entropy, torch_by_weights, "classes", class_weight=FIT)),
        "loss", "Keras divides by the number of targets, torch by the sum of the weights of the targets",
    ),
    "sample weights that are normed": (
        pair(CustomLoss(keras_squares, torch_normed_squares, "real", "examples")),
        "loss", "Keras divides the loss by the number of all targets, torch by the sum of the batch's weights",
    ),
    "weights of outputs that torch forgot": (heads(by_head(1.0)), "loss", "count 0.2, 0.8 times as much in Keras"),
    "weights that a function of all outputs forgot": (
        whole((1.0, 1.0)), "loss", "count 0.2, 0.8 times as much in Keras",
    ),
    "tiny norms of a cosine": (
        pair(CustomLoss(keras_cosine, torch_cosine, "real"), 4),
        "loss", "a norm counts as 1e-07 at the least in Keras, and as 1e-08 in torch",
    ),
    "padded steps that count": (
        tagger(masked(True)),
        "loss", "Keras divides the loss by the number of real steps, torch by the number of all targets",
    ),
}  # fmt: skip
"""Pairs, the rung that fails, and what the proved cause says, if one is."""

__getattr__ = numbered(HONEST=HONEST.values(), WRONG=(found[0] for found in WRONG.values()))
