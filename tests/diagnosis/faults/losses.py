"""Losses that differ."""

from collections.abc import Callable
from typing import Any

from tests.diagnosis.faults.fault import fault, plain
from twotrack import CustomLoss, Pair


def keras_loss(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.losses, name)(**settings)

    return build


def torch_loss(name: str, weight: list[float] | None = None, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import torch
        from torch import nn

        more = {} if weight is None else {"weight": torch.tensor(weight, dtype=torch.float64)}
        made = getattr(nn, name)(**settings, **more)
        return lambda outputs, targets: made.to(outputs.dtype)(outputs, targets)

    return build


def halved() -> Any:
    from torch.nn import functional

    return lambda outputs, targets: functional.mse_loss(outputs, targets) / 2


def squeezed() -> Any:
    from torch.nn import functional

    return lambda outputs, targets: functional.mse_loss(outputs.squeeze(-1), targets)


def by_width() -> Any:
    """Weigh the outputs, which have two widths."""
    from torch.nn import functional

    return lambda outputs, targets: (0.25 if outputs.shape[1] == 3 else 4.0) * functional.mse_loss(outputs, targets)


def weighed_positive() -> Any:
    """Binary cross-entropy of logits in which a target of 1 counts three times."""
    import keras

    class Weighed(keras.losses.Loss):
        def call(self, y: Any, z: Any) -> Any:
            y = keras.ops.cast(y, z.dtype)
            return keras.ops.mean(3.0 * y * keras.ops.softplus(-z) + (1 - y) * keras.ops.softplus(z), -1)

    return Weighed()


def overlap_by_example() -> Any:
    import keras

    class Overlap(keras.losses.Loss):
        def call(self, y: Any, z: Any) -> Any:
            y, p = keras.ops.cast(y, z.dtype), keras.ops.sigmoid(z)
            return 1 - (2 * keras.ops.sum(y * p, -1) + 1) / (keras.ops.sum(y, -1) + keras.ops.sum(p, -1) + 1)

    return Overlap()


def overlap_of_all() -> Any:
    def overlap(z: Any, y: Any) -> Any:
        y, p = y.to(z.dtype), z.sigmoid()
        return 1 - (2 * (y * p).sum() + 1) / (y.sum() + p.sum() + 1)

    return overlap


def two_outputs() -> Any:
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    return keras.Model(x, [keras.layers.Dense(3, name="wide")(first), keras.layers.Dense(1, name="narrow")(first)])


def torch_two_outputs() -> Any:
    from torch import nn

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.wide, self.narrow = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 1)

        def forward(self, x):
            x = self.first(x).tanh()
            return self.wide(x), self.narrow(x)

    return Two()


def on(target: str, keras: Callable, torch: Callable, outputs: int = 3) -> Pair:
    return plain(outputs, loss=CustomLoss(keras, torch, target))  # type: ignore[arg-type]


MSE, TORCH_MSE = keras_loss("MeanSquaredError"), torch_loss("MSELoss")
CROSS_ENTROPY = keras_loss("SparseCategoricalCrossentropy", from_logits=True)
BINARY = keras_loss("BinaryCrossentropy", from_logits=True)

LOSSES = {
    "SUMMED_IN_KERAS": fault(
        on("real", keras_loss("MeanSquaredError", reduction="sum"), TORCH_MSE),
        "loss", "loss", "Keras sums the loss over the batch and torch takes a mean",
    ),
    "SUMMED_IN_TORCH": fault(
        on("real", MSE, torch_loss("MSELoss", reduction="sum")),
        "loss", "loss", "torch sums the loss over the batch and Keras takes a mean", "1/3",
    ),
    "HALF": fault(on("real", MSE, halved), "loss", "loss", "Keras' loss is torch's times 2"),
    "ABSOLUTE": fault(
        on("real", keras_loss("MeanAbsoluteError"), TORCH_MSE),
        "loss", "loss", "the absolute error in Keras and the squared error in torch",
    ),
    "HUBER_DELTA": fault(
        on("real", keras_loss("Huber", delta=2.5), torch_loss("HuberLoss")),
        "loss", "loss", "Huber loss (delta=2.5) in Keras and the Huber loss (delta=1) in torch",
    ),
    "BROADCAST": fault(
        on("real", MSE, squeezed, outputs=1),
        "loss", "loss", "the squared error in Keras and the squared error of every output and every target in torch",
    ),
    "BINARY_SMOOTHING": fault(
        on("binary", keras_loss("BinaryCrossentropy", from_logits=True, label_smoothing=0.2),
           torch_loss("BCEWithLogitsLoss")),
        "loss", "loss", "label smoothing is 0.2 in Keras and 0 in torch",
    ),
    "TORCH_SMOOTHING": fault(
        on("classes", CROSS_ENTROPY, torch_loss("CrossEntropyLoss", label_smoothing=0.15)),
        "loss", "loss", "label smoothing is 0 in Keras and 0.15 in torch",
    ),
    "BINARY_PROBABILITIES": fault(
        on("binary", BINARY, torch_loss("MSELoss")),
        "loss", "loss", "the binary cross-entropy of logits in Keras and the squared error in torch",
    ),
    "NO_LOG_SOFTMAX": fault(
        on("classes", CROSS_ENTROPY, torch_loss("NLLLoss")),
        "loss", "loss", "torch's takes them for logarithms of probabilities",
    ),
    "IGNORED_CLASS": fault(
        on("classes", keras_loss("SparseCategoricalCrossentropy", from_logits=True, ignore_class=1),
           torch_loss("CrossEntropyLoss")),
        "loss", "loss", "Keras leaves targets of 1 out of the loss",
    ),
    "CLASS_WEIGHTS": fault(
        on("classes", CROSS_ENTROPY, torch_loss("CrossEntropyLoss", weight=[0.5, 1.0, 2.0])),
        "loss", "loss", "every class alike", "torch the losses of the targets weighed by class",
    ),
    "POSITIVE_WEIGHT": fault(
        on("binary", weighed_positive, torch_loss("BCEWithLogitsLoss")),
        "loss", "loss", "weighed by class (1, 3) and divided by the number of targets", "every class alike",
    ),
    "BY_EXAMPLE": fault(
        on("binary", overlap_by_example, overlap_of_all), "loss", "loss", "Keras computes its loss for each example",
    ),
    "WEIGHED_OUTPUTS": fault(
        Pair(two_outputs, torch_two_outputs, (5,), CustomLoss(MSE, by_width, "real")),
        "loss", "loss", "count 4, 0.25 times as much in Keras",
    ),
}  # fmt: skip
