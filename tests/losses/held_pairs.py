"""Pairs with penalties and constraints: given to both sides, or to torch where Keras' layers bring their own."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.support.named_pairs import numbered
from twotrack import SGD, Adam, CustomOptimizer, Pair
from twotrack.shared.spec.regularisation import (
    L1,
    L2,
    Activity,
    CustomPenalty,
    MaxNorm,
    NonNegative,
    Orthogonal,
    UnitNorm,
)  # fmt: skip

C = 0.01


def keras_dense(regularizer: str = "", constraint: str = "", activity: float = 0.0) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import constraints, layers, regularizers

        makers = {"L2": lambda: regularizers.L2(C), "L1": lambda: regularizers.L1(C), "": lambda: None}
        limits = {"max": lambda: constraints.MaxNorm(0.6, axis=0), "": lambda: None}
        own = {"kernel_regularizer": makers[regularizer](), "kernel_constraint": limits[constraint]()}
        given = {"activity_regularizer": regularizers.L2(activity)} if activity else {}
        return keras.Sequential(
            [
                keras.Input((8,)),
                layers.Dense(6, activation="tanh", name="hidden", **own, **given),
                layers.Dense(3, name="out", **own),
            ]
        )

    return build


def keras_own(where: str = "compute_loss", biases: bool = False) -> Callable[[], Any]:
    """Return a model whose own method adds an L2 penalty, which no layer states."""

    def build() -> Any:
        import keras

        class Penalised(keras.Sequential):
            def penalty(self) -> Any:
                held = [one for one in self.trainable_variables if biases or "kernel" in one.name]
                return C * sum(keras.ops.sum(keras.ops.square(one)) for one in held)

        class InLoss(Penalised):
            def compute_loss(self, *given: Any, **more: Any) -> Any:
                return super().compute_loss(*given, **more) + self.penalty()

        class InStep(Penalised):
            """As a loop on PyTorch; the loss that it tells is without the penalty."""

            def train_step(self, data: Any) -> Any:
                x, y = data
                self.zero_grad()
                loss = self.compute_loss(x, y, self(x, training=True))
                (loss + self.penalty()).backward()
                self.optimizer.apply([one.value.grad for one in self.trainable_weights], self.trainable_weights)
                self._loss_tracker.update_state(loss)
                return {"loss": loss}

        kind = {"compute_loss": InLoss, "train_step": InStep}[where]
        return kind(plain().layers)

    plain = keras_dense()
    return build


keras_lstm = sequential(lambda k: k.Input((4, 3)), lambda k: k.LSTM(5, name="lstm"), lambda k: k.Dense(2, name="out"))
keras_conv = sequential(
    lambda k: k.Input((6, 6, 2)),
    lambda k: k.Conv2D(4, 3, activation="relu", name="conv"),
    lambda k: k.Flatten(name="flatten"),
    lambda k: k.Dense(2, name="out"),
)
linear = modules(hidden=lambda nn: nn.Linear(8, 6), tanh=lambda nn: nn.Tanh(), out=lambda nn: nn.Linear(6, 3))


def torch_conv() -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = nn.Conv2d(2, 4, 3), nn.Linear(64, 2)

        def forward(self, x: Any) -> Any:
            return self.out(self.conv(x).relu().flatten(1))

    return Net()


def torch_lstm() -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)
            nn.init.zeros_(self.lstm.bias_hh_l0)
            self.lstm.bias_hh_l0.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0][:, -1])

    return Net()


def l2_by_hand(strength: float, biases: bool = False) -> Callable[[Any], Any]:
    """As people write it in a training loop."""

    def penalty(model: Any) -> Any:
        return strength * sum(one.square().sum() for one in model.parameters() if biases or one.ndim > 1)

    return penalty


def sgd_decaying(decay: float, biases: bool) -> CustomOptimizer:
    def keras() -> Any:
        import keras

        return keras.optimizers.SGD(0.1)

    def torch(parameters: Any) -> Any:
        import torch

        own = list(parameters)
        kernels, rest = [one for one in own if one.ndim > 1], [one for one in own if one.ndim == 1]
        groups = [{"params": kernels, "weight_decay": decay}, {"params": rest, "weight_decay": decay * biases}]
        return torch.optim.SGD(groups, lr=0.1)

    return CustomOptimizer(keras, torch)


PLAIN = keras_dense()


def pair(keras: Any = PLAIN, penalties: Any = (), constraints: Any = (), **rest: Any) -> Pair:
    return Pair(keras, linear, (8,), penalties=penalties, constraints=constraints, **{"optimizer": SGD(0.1), **rest})


HONEST: dict[str, Pair] = {
    "penalties of both": pair(penalties=(L2(C), L1(2 * C, weights="*.bias"), Orthogonal(C, weights="hidden.kernel"))),
    "penalties through moments": pair(penalties=(L2(C),), optimizer=Adam(1e-2)),
    "of a convolution and its head": Pair(
        keras_conv, torch_conv, (6, 6, 2), penalties=(L2(C), Orthogonal(C, weights="*.kernel")),
        constraints=(MaxNorm(limit=0.5, axes=(0, 1, 2), weights="conv.kernel"), UnitNorm(weights="out.kernel")),
        optimizer=SGD(0.1),
    ),
    "of an LSTM": Pair(keras_lstm, torch_lstm, (4, 3), penalties=(L2(C),), optimizer=SGD(0.1)),
    "constraints of both": pair(constraints=(MaxNorm(limit=0.6), NonNegative(weights="*.bias"))),
    "Keras' layers bring L2": pair(keras_dense("L2"), (L2(C, sides="torch"),)),
    "Keras' layers bring L2, by hand in torch": pair(keras_dense("L2"), (CustomPenalty(l2_by_hand(C)),)),
    "Keras' layers bring L2, in torch's optimizer": pair(keras_dense("L2"), optimizer=sgd_decaying(2 * C, False)),
    "weight decay as a penalty": pair(
        penalties=(L2.of_weight_decay(C, sides="keras"),), optimizer=sgd_decaying(C, False)
    ),
    "Keras' layers bring a maximum norm": pair(
        keras_dense("", "max"), constraints=(MaxNorm(limit=0.6, sides="torch"),)
    ),
    "Keras' compute_loss adds L2": pair(keras_own(), (L2(C, sides="torch"),), optimizer=Adam(1e-2)),
    "Keras' train_step adds L2": pair(keras_own("train_step"), (L2(C, sides="torch"),)),
    "what a layer gives": pair(penalties=(Activity("hidden", l2=C, l1=C, torch_layer="tanh"),)),
    "Keras' layer brings a penalty of what it gives": pair(
        keras_dense(activity=C), penalties=(Activity("hidden", l2=C, sides="torch", torch_layer="tanh"),)
    ),
}  # fmt: skip
HALF = "'out.kernel' the loss holds 0.01 * sum(w^2) in Keras and 0.005 * sum(w^2) in torch"
WRONG: dict[str, tuple[Pair, str, str]] = {
    "half of it, by hand in torch": (pair(keras_dense("L2"), (CustomPenalty(l2_by_hand(C / 2)),)), "gradients", HALF),
    "biases too, by hand in torch": (
        pair(keras_dense("L2"), (CustomPenalty(l2_by_hand(C, True)),)),
        "gradients", "nothing in Keras and 0.01 * sum(w^2) in torch",
    ),
    "half of what Keras' compute_loss adds": (
        pair(keras_own(), (L2(C / 2, sides="torch"),)), "gradients", "its own compute_loss()",
    ),
    "biases too, in Keras' compute_loss": (
        pair(keras_own(biases=True), (L2(C, sides="torch"),)), "gradients", "its own compute_loss()",
    ),
    "L1 in Keras, L2 in torch": (
        pair(keras_dense("L1"), (L2(C, sides="torch"),)),
        "gradients", "0.01 * sum(|w|) in Keras and 0.01 * sum(w^2) in torch",
    ),
    "torch has none": (pair(keras_dense("L2")), "optimizer", "decay"),
    "torch alone has one": (
        pair(penalties=(L2(C, sides="torch"),)), "gradients", "nothing in Keras and 0.01 * sum(w^2) in torch",
    ),
    "the number of torch's weight decay": (
        pair(keras_dense("L2"), optimizer=sgd_decaying(C, True)), "optimizer", "decay",
    ),
    "another maximum norm": (
        pair(keras_dense("", "max"), constraints=(MaxNorm(limit=0.7, sides="torch"),)), "optimizer", "0.6",
    ),
    "no maximum norm in torch": (pair(keras_dense("", "max")), "optimizer", "0.6"),
    "another penalty of what a layer gives": (
        pair(keras_dense(activity=C), penalties=(Activity("hidden", l2=2 * C, sides="torch", torch_layer="tanh"),)),
        "gradients", "Keras adds -0.01 times the squares of what 'hidden' gives",
    ),
}  # fmt: skip
"""Pairs, the rung that fails, and what the proved cause says, if one is."""

__getattr__ = numbered(HONEST=HONEST.values(), WRONG=(found[0] for found in WRONG.values()))
