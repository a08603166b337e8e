"""Keras models whose training step is their own: what it holds beside the loss that torch has."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.diagnosis.faults.fault import Fault, fault
from twotrack import Pair, TrainingLoop

Loss = Callable[[Any, Any, Any, Any], Any]
"""Maps the model, inputs, targets and outputs to the loss of a step."""


def cross_entropy(y: Any, outputs: Any) -> Any:
    import keras

    return keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)


def weighed(model: Any, x: Any, y: Any, outputs: Any) -> Any:
    from keras import ops

    weights = ops.take(ops.convert_to_tensor([1.0, 2.0, 4.0], dtype=outputs.dtype), ops.cast(y, "int32"))
    return ops.mean(weights * cross_entropy(y, outputs))


def penalised(model: Any, x: Any, y: Any, outputs: Any) -> Any:
    from keras import ops

    return ops.mean(cross_entropy(y, outputs)) + 0.01 * ops.sum(ops.square(model.get_layer("first").kernel))


def by_input(model: Any, x: Any, y: Any, outputs: Any) -> Any:
    from keras import ops

    return ops.mean(ops.abs(x[:, 0]) * cross_entropy(y, outputs))


def keras_side(loss: Loss, compiled: bool = False) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import layers

        class Own(keras.Model):
            def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *rest: Any, **more: Any) -> Any:
                return loss(self, x, y, y_pred)

        inputs = keras.Input((5,))
        hidden = layers.Dense(4, activation="tanh", name="first")(inputs)
        model = Own(inputs, layers.Dense(3, name="last")(hidden))
        if compiled:
            model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    return build


def adding() -> Any:
    """A model of whose layers one adds to the loss what torch's has nothing of."""
    import keras
    from keras import layers

    class Spread(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(keras.ops.mean(keras.ops.exp(x)))
            return x

    inputs = keras.Input((5,))
    hidden = layers.Dense(4, activation="tanh", name="first")(inputs)
    return keras.Model(inputs, layers.Dense(3, name="last")(Spread(name="spread")(hidden)))


def torch_side() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return self.last(self.first(x).tanh())

    return Network()


def train(model: Any, batches: Any, record: Any, weights: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
    import torch
    from torch.nn import functional

    by_class = torch.tensor(weights, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches:
        optimizer.zero_grad()
        loss = (by_class[y] * functional.cross_entropy(model(x), y, reduction="none")).mean()
        loss.backward()
        record(loss)
        optimizer.step()


def train_weighed(model: Any, batches: Any, record: Any) -> None:
    train(model, batches, record, (1.0, 2.0, 4.0))


def pair(loss: Loss) -> Pair:
    return Pair(keras_side(loss), torch_side, (5,), loss="cross_entropy")


def loop(loss: Loss, torch: Callable[[Any, Any, Any], None] = train) -> Pair:
    return Pair(keras_side(loss, compiled=True), torch_side, (5,), train=TrainingLoop(torch, target="classes"))


OWN_STEPS = {
    "STEP_OF_WEIGHED_CLASSES": fault(pair(weighed), "gradients", "loss", "weighed by class (1, 2, 4)"),
    "STEP_WITH_PENALTY": fault(pair(penalised), "gradients", "loss", "'first.kernel'", "0.01 * sum(w^2) in Keras"),
    "STEP_OF_ITS_OWN": fault(pair(by_input), "gradients", "plain method", "Keras' model has its own compute_loss()"),
    "ADDED_LOSS": fault(
        Pair(adding, torch_side, (5,)), "gradients", "add no loss", "'spread' adds to Keras' loss for what it computes"
    ),
}
LOOPS = {
    "LOOP_OF_WEIGHED_CLASSES": (loop(weighed), ("weighed by class (1, 2, 4)",)),
    "LOOP_WITH_PENALTY": (loop(penalised), ("Keras adds 0.01 times the squares of 'first.kernel'",)),
}
OWN_STEPS |= {
    name: Fault(made, "gradients", words, frozenset({"loss", "loop"})) for name, (made, words) in LOOPS.items()
}
