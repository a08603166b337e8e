"""Pairs that train with code of the user's own: functions, a compiled model, a train_step of one's own."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.support.named_pairs import numbered
from twotrack import Pair
from twotrack.shared.spec.loop import TrainingLoop

LAYERS = (
    lambda k: k.Input((6,)),
    lambda k: k.Dense(5, activation="tanh", name="hidden"),
    lambda k: k.Dense(3, name="out"),
)
keras_plain = sequential(*LAYERS)
torch_model = modules(hidden=lambda nn: nn.Linear(6, 5), tanh=lambda nn: nn.Tanh(), out=lambda nn: nn.Linear(5, 3))


def keras_compiled() -> Any:
    import keras

    model = keras_plain()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)
    return model


def keras_own_step() -> Any:
    """A train_step as the guides of Keras have it, for every backend: the loss of squares, twice."""
    import keras

    class Twice(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return 2 * keras.ops.mean(keras.ops.square(y_true - y_pred), -1)

    class Own(keras.Sequential):
        def train_step(self, *args: Any, **kwargs: Any) -> Any:
            self.steps_seen = getattr(self, "steps_seen", 0) + 1
            return super().train_step(*args, **kwargs)

    model = Own([one(keras.layers) for one in LAYERS])
    model.compile(keras.optimizers.SGD(0.05), Twice())
    return model


def keras_function(rate: float = 0.1) -> Callable[[Any, Any, Any], None]:
    """Steps written out with the backend's gradients: of the torch backend."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import keras
        import torch

        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = keras.optimizers.SGD(rate, momentum=0.9)
        optimizer.build(model.trainable_variables)
        for x, y in batches:
            model.zero_grad()
            loss = loss_of(torch.as_tensor(y), model(torch.as_tensor(x), training=True))
            loss.backward()
            gradients = [one.value.grad for one in model.trainable_variables]
            record(loss, gradients)
            with torch.no_grad():
                optimizer.apply(gradients, model.trainable_variables)

    return train


def torch_function(
    rate: float = 0.1, momentum: float = 0.9, smoothing: float = 0.0, last: bool = False, scale: float = 1.0
) -> Callable[[Any, Any, Any], None]:
    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)
        for x, y in batches:
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x * scale), y, label_smoothing=smoothing)
            loss.backward()
            if not last:
                record(loss.item())
            optimizer.step()
            if last:
                optimizer.zero_grad()
                record(loss.item())

    return train


def torch_squares(factor: float) -> Callable[[Any, Any, Any], None]:
    def train(model: Any, batches: Any, record: Any) -> None:
        import torch

        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for x, y in batches:
            optimizer.zero_grad()
            loss = factor * (model(x) - y).square().mean()
            loss.backward()
            record(loss)
            optimizer.step()

    return train


def forgetful(model: Any, batches: Any, record: Any) -> None:
    for x, _ in batches:
        model(x)


def impatient(model: Any, batches: Any, record: Any) -> None:
    from torch.nn import functional as f

    for x, y in batches:
        record(f.cross_entropy(model(x), y))
        break


def pair(keras: Any, torch: Any, keras_train: Any = None, target: Any = "classes") -> Pair:
    return Pair(keras, torch_model, (6,), train=TrainingLoop(torch, keras_train, target))


HONEST: dict[str, Pair] = {
    "a compiled model": pair(keras_compiled, torch_function()),
    "recorded behind the update": pair(keras_compiled, torch_function(last=True)),
    "a train_step of one's own": pair(keras_own_step, torch_squares(2.0), target="real"),
    "two functions": pair(keras_plain, torch_function(), keras_function()),
}
WRONG: dict[str, tuple[Pair, str, str]] = {
    "another loss": (pair(keras_compiled, torch_function(smoothing=0.1)), "gradients", "the first loss recorded is"),
    "other inputs": (pair(keras_compiled, torch_function(scale=1 / 255)), "gradients", "the first loss recorded is"),
    "another factor": (pair(keras_own_step, torch_squares(1.0), target="real"), "gradients", "the first loss recorded"),
    "another rate": (pair(keras_plain, torch_function(0.2), keras_function()), "training", "step 1: "),
    "no momentum": (
        pair(keras_plain, torch_function(momentum=0.0), keras_function()), "training", "the gradients recorded part",
    ),
    "ended early": (
        pair(keras_compiled, impatient), "training", "Keras' training function ended behind step 20, torch's behind",
    ),
}  # fmt: skip
PROVED: dict[str, str] = {
    "other inputs": "torch's function makes something else of a batch's inputs in front of the model",
    "another factor": "Keras' loss is torch's times 2, and so are its gradients",
    "another rate": "the learning rate is 0.1 in Keras and 0.2 in torch",
    "no momentum": "momentum is 0.9 in Keras and 0 in torch",
    "another loss": "the cross-entropy of logits, labels smoothed by 0.1 in torch",
    "ended early": "Keras' training function ended behind step 20, torch's behind step 1",
}
"""What the cause says, of those that are proved."""
REFUSED: dict[str, tuple[Pair, str]] = {
    "nothing recorded": (pair(keras_compiled, forgetful), "expected record(loss) once for each batch, found none"),
    "not compiled": (
        pair(keras_plain, torch_function()),
        "a model that its build function has compiled, found neither",
    ),
}

__getattr__ = numbered(
    HONEST=HONEST.values(),
    WRONG=(found[0] for found in WRONG.values()),
    REFUSED=(found[0] for found in REFUSED.values()),
)
