"""Pairs whose sides do the same things in another order, with other shapes, or with another Dice loss."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from tests.diagnosis.faults.fault import Fault, fault, plain
from tests.support.named_pairs import named
from twotrack import CustomLoss, Pair

Order = Sequence[Literal["relu", "norm", "mean", "max"]]


def keras_order(order: Order) -> Callable[[], Any]:
    """Return a build function of a convolution, layers in an order, and a dense layer."""

    def build() -> Any:
        import keras
        from keras import layers

        made = {
            "relu": layers.ReLU,
            "norm": lambda: layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm"),
            "mean": lambda: layers.AveragePooling2D(2),
            "max": lambda: layers.MaxPooling2D(2),
        }
        front = layers.Conv2D(3, 3, padding="same", name="conv")
        behind = layers.GlobalAveragePooling2D(), layers.Dense(2, name="last")
        return keras.Sequential([keras.Input((6, 6, 2)), front, *(made[name]() for name in order), *behind])

    return build


def torch_order(order: Order) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Ordered(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.last = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3, 2)
                made = {"relu": nn.ReLU(), "norm": nn.BatchNorm2d(3), "mean": nn.AvgPool2d(2), "max": nn.MaxPool2d(2)}
                for name in order:
                    self.add_module(name, made[name])

            def forward(self, x: Any) -> Any:
                x = self.conv(x)
                for name in order:
                    x = self.get_submodule(name)(x)
                return self.last(x.mean((2, 3)))

        return Ordered()

    return build


def ordered(keras: Order, torch: Order) -> Pair:
    return Pair(keras_order(keras), torch_order(torch), (6, 6, 2))


def keras_sum(in_front: bool) -> Callable[[], Any]:
    """Return a build function of x + relu(W x), or of relu(x + W x)."""

    def build() -> Any:
        import keras
        from keras import layers

        x = keras.Input((5,))
        y = layers.Dense(5, name="first")(x)
        y = layers.Add()([layers.ReLU()(y), x]) if in_front else layers.ReLU()(layers.Add()([y, x]))
        return keras.Model(x, layers.Dense(3, name="last")(y))

    return build


def torch_sum(in_front: bool, by_layer: bool = False) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn
        from torch.nn import functional

        class Residual(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.last = nn.Linear(5, 5), nn.Linear(5, 3)
                self.act = nn.ReLU() if by_layer else functional.relu

            def forward(self, x: Any) -> Any:
                y = self.first(x)
                return self.last(self.act(y) + x if in_front else self.act(y + x))

        return Residual()

    return build


def slopes(shared: Sequence[int] | None, count: int) -> Pair:
    def keras_build() -> Any:
        import keras
        from keras import layers

        quarter = keras.initializers.Constant(0.25)
        slope = layers.PReLU(shared_axes=shared, alpha_initializer=quarter, name="slope")
        behind = layers.GlobalAveragePooling2D(), layers.Dense(2, name="last")
        return keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(3, 3, name="conv"), slope, *behind])

    def torch_build() -> Any:
        from torch import nn

        class Sloped(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.slope, self.last = nn.Conv2d(3, 3, 3), nn.PReLU(count), nn.Linear(3, 2)

            def forward(self, x: Any) -> Any:
                return self.last(self.slope(self.conv(x)).mean((2, 3)))

        return Sloped()

    return Pair(keras_build, torch_build, (4, 4, 3))


def spectral(in_keras: bool) -> Pair:
    def keras_build() -> Any:
        import keras
        from keras import layers

        first = layers.Dense(4, name="first")
        first = layers.SpectralNormalization(first, name="norm") if in_keras else first
        return keras.Sequential([keras.Input((5,)), first, layers.Dense(3, name="last")])

    def torch_build() -> Any:
        from collections import OrderedDict

        from torch import nn

        first = nn.Linear(5, 4)
        first = first if in_keras else nn.utils.parametrizations.spectral_norm(first)
        return nn.Sequential(OrderedDict(first=first, last=nn.Linear(4, 3)))

    return Pair(keras_build, torch_build, (5,))


def keras_dice(smooth: float, entropy: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import ops

        class Dice(keras.losses.Loss):
            def call(self, y: Any, z: Any) -> Any:
                y, p = ops.cast(y, z.dtype), ops.sigmoid(z)
                beside = ops.mean(keras.losses.binary_crossentropy(y, z, from_logits=True))
                return entropy * beside + 1 - (2 * ops.sum(y * p) + smooth) / (ops.sum(y) + ops.sum(p) + smooth)

        return Dice()

    return build


def torch_dice(smooth: float, entropy: float) -> Callable[[], Any]:
    def build() -> Any:
        from torch.nn import functional

        def dice(z: Any, y: Any) -> Any:
            y, p = y.to(z.dtype), z.sigmoid()
            share = (2 * (y * p).sum() + smooth) / (y.sum() + p.sum() + smooth)
            return entropy * functional.binary_cross_entropy_with_logits(z, y) + 1 - share

        return dice

    return build


def dice(keras: float, torch: float, entropy: float = 0.0) -> Pair:
    return plain(loss=CustomLoss(keras_dice(keras, entropy), torch_dice(torch, entropy), "binary"))


WRONG: dict[str, Fault] = {
    "MEAN_IN_FRONT": fault(
        ordered(["relu", "mean"], ["mean", "relu"]), "forward", "moved layer", "'relu' in Keras"
    ),
    "NORM_BEHIND_MAX": fault(
        ordered(["norm", "relu", "max"], ["max", "norm", "relu"]), "range", "moved layer", "'max' stands behind"
    ),
    "NORM_BEHIND_RELU": fault(ordered(["relu", "norm"], ["norm", "relu"]), "forward", "moved layer", "'norm'"),
    "RELU_BEHIND_SUM": fault(
        Pair(keras_sum(in_front=True), torch_sum(in_front=False), (5,)), "forward", "call", "in front of the sum"
    ),
    "RELU_IN_FRONT": fault(
        Pair(keras_sum(in_front=False), torch_sum(in_front=True), (5,)), "forward", "call", "behind the sum"
    ),
    "SLOPE_PER_NUMBER": fault(slopes(None, 3), "parameters", "slopes", "(2, 2, 3) in Keras and (3,) in torch"),
    "ONE_SLOPE": fault(slopes([1, 2], 1), "parameters", "slopes", "(3,) in Keras and (1,) in torch"),
    "SPECTRAL_IN_TORCH": fault(spectral(in_keras=False), "parameters", "parametrizations", "torch makes a weight"),
    "SPECTRAL_IN_KERAS": fault(spectral(in_keras=True), "parameters", "draw nothing", "SpectralNormalization"),
    "SMOOTH": fault(
        dice(1.0, 1e-6), "loss", "loss", "smooth term of the Dice loss is 1 in Keras and 1e-06 in torch"
    ),
    "SMOOTH_BESIDE_ENTROPY": fault(
        dice(1e-3, 10.0, entropy=0.5), "loss", "loss", "0.001 in Keras and 10 in torch", "0.5 times the cross-entropy"
    ),
}  # fmt: skip
"""By name."""
HONEST: dict[str, Pair] = {
    "MAX_IN_FRONT": ordered(["relu", "max"], ["max", "relu"]),
    "RELU_OF_SUM": Pair(keras_sum(in_front=False), torch_sum(in_front=False, by_layer=True), (5,)),
    "SLOPE_PER_CHANNEL": slopes([1, 2], 3),
    "SAME_SMOOTH": dice(1e-3, 1e-3, entropy=0.5),
}
"""Their neighbours that are one model: a maximum and a relu change places."""


__getattr__ = named({name: wrong.pair for name, wrong in WRONG.items()} | HONEST)
