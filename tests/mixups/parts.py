"""Training functions again: parts of a batch, when an optimizer steps, modes, other losses, Sophia."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.mixups.formulas import keras_formula
from tests.mixups.keras_steps import loss_and_gradients, update
from tests.mixups.loops import BARE, RATE, Keras, Loop, keras_plain, of, pair, torch_loop
from tests.mixups.mixup import Mixup, crossed, mixup
from twotrack import Pair
from twotrack.shared.spec.loop import TrainingLoop

CLASSES = 3
UNEQUAL, EQUAL = (5, 3), (4, 4)
"""Rows of the parts of a batch of 8."""
Weights = tuple[float, float]
BY_ROWS, ALIKE, FULL, HALVES = (5 / 8, 3 / 8), (0.5, 0.5), (1.0, 1.0), (0.5, 0.5)


def split(x: Any, y: Any, rows: Sequence[int]) -> list[tuple[Any, Any]]:
    return [(x[: rows[0]], y[: rows[0]]), (x[rows[0] :], y[rows[0] :])]


def torch_parts(rows: Sequence[int], weights: Weights, steps: bool = False) -> Loop:
    """Return a loop that gathers the gradients of two parts of a batch; or steps behind each by mistake."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for x, y in batches:
            optimizer.zero_grad()
            total = 0.0
            for weight, (own, labels) in zip(weights, split(x, y, rows), strict=True):
                loss = weight * f.cross_entropy(model(own), labels)
                loss.backward()
                total += loss.item()
                if steps:
                    optimizer.step()
                    optimizer.zero_grad()
            record(total)
            optimizer.step()

    return train


def keras_parts(rows: Sequence[int], weights: Weights, steps: bool = False) -> Loop:
    """Return the same in Keras, on any backend."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import keras

        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = keras.optimizers.SGD(RATE)
        optimizer.build(model.trainable_variables)
        for x, y in batches:
            total, gathered = 0.0, None
            for weight, (own, labels) in zip(weights, split(x, y, rows), strict=True):
                loss, gradients = loss_and_gradients(
                    model, lambda t, o, weight=weight: weight * cross_entropy(t, o), own, labels
                )
                total += float(keras.ops.convert_to_numpy(loss))
                gathered = gradients if gathered is None else [a + b for a, b in zip(gathered, gradients, strict=True)]
                if steps:
                    update(optimizer, model, gathered)
                    gathered = None
            record(total)
            if not steps:
                update(optimizer, model, gathered)

    return train


# === Modes ===

LAYERS = (
    lambda k: k.Input((6,)),
    lambda k: k.Dense(5, activation="tanh", name="hidden"),
    lambda k: k.Dropout(0.5, name="dropout"),
    lambda k: k.Dense(CLASSES, name="out"),
)
keras_dropping = sequential(*LAYERS)
torch_dropping = modules(
    hidden=lambda nn: nn.Linear(6, 5),
    tanh=lambda nn: nn.Tanh(),
    dropout=lambda nn: nn.Dropout(0.5),
    out=lambda nn: nn.Linear(5, CLASSES),
)


def keras_in_mode(training: bool) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        import keras

        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = keras.optimizers.SGD(RATE)
        optimizer.build(model.trainable_variables)
        for x, y in batches:
            loss, gradients = loss_and_gradients(model, loss_of, x, y, training)
            record(loss)
            update(optimizer, model, gradients)

    return train


def torch_validating(returns: bool) -> Loop:
    """Return a loop that looks at validation data behind every five batches, and returns to training mode or not."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for number, (x, y) in enumerate(batches, start=1):
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            optimizer.step()
            if number % 5 == 0:
                model.eval()
                with torch.no_grad():
                    model(x)
                model.train(returns)

    return train


def dropping(keras: Loop, torch: Loop) -> Pair:
    return Pair(keras_dropping, torch_dropping, (6,), train=TrainingLoop(torch, keras, "classes"))


# === Losses that are no multiple ===


def keras_smoothed(share: float) -> Keras:
    """Return a build function of a compiled model whose loss smooths labels."""
    smoothed = keras_formula(
        lambda ops, y, x: ops.categorical_crossentropy(
            (1 - share) * ops.one_hot(ops.cast(y, "int32"), CLASSES, dtype=x.dtype) + share / CLASSES,
            x,
            from_logits=True,
        )
    )

    def build() -> Any:
        import keras

        model = keras_plain()
        model.compile(keras.optimizers.SGD(RATE), smoothed())
        return model

    return build


def torch_with(loss: Callable[[Any, Any, Any], Any]) -> Loop:
    """Return a loop with a loss of (torch.nn.functional, outputs, labels)."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for x, y in batches:
            optimizer.zero_grad()
            found = loss(functional, model(x), y)
            found.backward()
            record(found.item())
            optimizer.step()

    return train


# === Sophia ===

GAMMA = 64.0
"""Large, as the squares of gradients here are small: else every step is clipped, and gamma does nothing."""


def torch_sophia(**settings: Any) -> Loop:
    """Return a loop with Sophia, whose curvature it estimates by the gradient itself."""

    def train(model: Any, batches: Any, record: Any) -> None:
        from torch.nn import functional as f

        from twotrack.torch_track.optimizers import Sophia

        optimizer = Sophia(model.parameters(), RATE / 10, **settings)
        for x, y in batches:
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            if optimizer.estimate_due:
                optimizer.update_curvature()
            optimizer.step()

    return train


def keras_sophia(**settings: Any) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        import keras

        from twotrack.keras_track.optimizers import Sophia

        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = Sophia(RATE / 10, **settings)
        optimizer.build(model.trainable_variables)
        for x, y in batches:
            loss, gradients = loss_and_gradients(model, loss_of, x, y)
            record(loss)
            if optimizer.estimate_due:
                optimizer.update_curvature(gradients)
            update(optimizer, model, gradients)

    return train


def functions(spec: str, what: str, keras: tuple, torch: tuple, rung: str = "training") -> Mixup:
    """Return a mix-up of two training functions."""
    return crossed(lambda own, other: pair(keras_plain, other, own), spec, what, rung, keras, torch)


ALWAYS = keras_in_mode(True)
HONEST = dropping(ALWAYS, torch_validating(True))

PARTS = (
    functions(
        "accumulate: unequal rows",
        "a mean of means, or a mean over all rows",
        (keras_parts(UNEQUAL, BY_ROWS), keras_parts(UNEQUAL, ALIKE), "Keras takes the losses alike, .* torch by their"),
        (torch_parts(UNEQUAL, BY_ROWS), torch_parts(UNEQUAL, ALIKE), "Keras takes the losses by their rows, torch"),
        "gradients",
    ),
    functions(
        "loop: division",
        "parts of a batch whose losses are not divided",
        (keras_parts(UNEQUAL, BY_ROWS), keras_parts(UNEQUAL, FULL), "Keras takes the losses each in full"),
        (torch_parts(UNEQUAL, BY_ROWS), torch_parts(UNEQUAL, FULL), "Keras takes the losses by their rows, torch each"),
        "gradients",
    ),
    functions(
        "loop: step",
        "a step behind every part of a batch",
        (keras_parts(EQUAL, HALVES), keras_parts(EQUAL, HALVES, True), "Keras updates the weights behind every part"),
        (torch_parts(EQUAL, HALVES), torch_parts(EQUAL, HALVES, True), "Keras updates the weights once for each batch"),
        "gradients",
    ),
    mixup(
        "loop: train()",
        "validation behind which nobody returns to training mode",
        "training",
        HONEST,
        torch=(dropping(ALWAYS, torch_validating(False)), "Keras trains in training mode, torch in evaluation mode"),
    ),
    mixup(
        "loop: training=True",
        "a call that does not say that it trains",
        "gradients",
        HONEST,
        (dropping(keras_in_mode(False), torch_validating(True)), "Keras trains in evaluation mode"),
    ),
    of(
        "loop: smoothing",
        "labels that one side smooths",
        (BARE, keras_smoothed(0.1), "cross-entropy of logits, labels smoothed by 0.1 in Keras"),
        (
            torch_loop(momentum=0.0),
            torch_with(lambda f, x, y: f.cross_entropy(x, y, label_smoothing=0.1)),
            "cross-entropy of logits, labels smoothed by 0.1 in torch",
        ),
        "gradients",
    ),
    of(
        "loop: softmax",
        "a softmax in front of a loss of logits",
        (BARE,),
        (
            torch_loop(momentum=0.0),
            torch_with(lambda f, x, y: f.cross_entropy(x.softmax(-1), y)),
            "cross-entropy of logits in Keras and the cross-entropy of a softmax",
        ),
        "gradients",
    ),
    functions(
        "Sophia",
        "gamma, and how often the curvature is estimated",
        (keras_sophia(gamma=GAMMA), keras_sophia(gamma=GAMMA / 2), "gamma is 32 in Keras and 64 in torch"),
        (torch_sophia(gamma=GAMMA), torch_sophia(gamma=GAMMA, interval=1), "interval is 10 in Keras and 1 in torch"),
    ),
)
