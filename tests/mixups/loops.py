"""Training functions of one's own: what people forget or misplace around a step."""

from collections.abc import Callable
from typing import Any

from tests.losses.loop_pairs import keras_plain, torch_model
from tests.mixups.mixup import Mixup, crossed, mixup
from twotrack import Pair
from twotrack.shared.spec.loop import TrainingLoop

RATE, LIMIT, EVERY = 0.1, 0.05, 2
Loop = Callable[[Any, Any, Any], None]
Keras = Callable[[], Any]


def torch_loop(
    clears: bool = True,
    clips: str = "",
    every: int = 1,
    divided: bool = True,
    decays: int = 0,
    summed: bool = False,
    momentum: float = 0.9,
) -> Loop:
    """Return a loop as guides have it; each argument is what people do, forget, or misplace in it.

    `every` batches make an update; a scheduler steps behind every `decays` batches.
    """

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=momentum)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for number, (x, y) in enumerate(batches, start=1):
            if clears and (number - 1) % every == 0:
                optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y, reduction="sum" if summed else "mean")
            (loss / every if divided else loss).backward()
            record(loss.item())
            if clips == "before":
                torch.nn.utils.clip_grad_value_(model.parameters(), LIMIT)
            if number % every == 0:
                optimizer.step()
            if clips == "behind":
                torch.nn.utils.clip_grad_value_(model.parameters(), LIMIT)
            if decays and number % decays == 0:
                schedule.step()

    return train


def keras_compiled(
    rate: Any = RATE, momentum: float = 0.9, reduction: str = "sum_over_batch_size", **settings: Any
) -> Keras:
    """Return a build function of a compiled model."""

    def build() -> Any:
        import keras

        model = keras_plain()
        own = rate(keras.optimizers.schedules) if callable(rate) else rate
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
        model.compile(keras.optimizers.SGD(own, momentum=momentum, **settings), loss)
        return model

    return build


def pair(keras: Keras, torch: Loop, keras_loop: Loop | None = None) -> Pair:
    return Pair(keras, torch_model, (6,), train=TrainingLoop(torch, keras_loop, "classes"))


# === With something at the end of every epoch, or of all ===

EPOCH = 2
"""Batches of one."""


def torch_plateau(patience: int) -> Loop:
    """Return a loop that feeds a scheduler a validation loss that does not fall, behind every epoch."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience)
        for number, (x, y) in enumerate(batches, start=1):
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            optimizer.step()
            if number % EPOCH == 0:
                schedule.step(1.0)

    return train


def keras_plateau(patience: int) -> Loop:
    """Return what keras.callbacks.ReduceLROnPlateau does, in a loop over a compiled model."""

    def train(model: Any, batches: Any, record: Any) -> None:
        waited, best = 0, float("inf")
        for number, (x, y) in enumerate(batches, start=1):
            record(model.train_on_batch(x, y))
            if number % EPOCH == 0:
                waited, best = (0, 1.0) if best > 1.0 else (waited + 1, best)
                if waited >= patience:
                    waited, model.optimizer.learning_rate = 0, float(model.optimizer.learning_rate) * 0.5

    return train


def torch_swa(start: int, every: int = 3) -> Loop:
    """Return a loop that leaves the mean of the weights behind some steps, as guides of torch do."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        averaged = torch.optim.swa_utils.AveragedModel(model)
        for number, (x, y) in enumerate(batches, start=1):
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            optimizer.step()
            if number >= start and (number - start) % every == 0:
                averaged.update_parameters(model)
        model.load_state_dict(averaged.module.state_dict())

    return train


def keras_swa(start: int, every: int = 3) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        import numpy as np

        seen = []
        for number, (x, y) in enumerate(batches, start=1):
            record(model.train_on_batch(x, y))
            if number >= start and (number - start) % every == 0:
                seen.append(model.get_weights())
        model.set_weights([np.mean(own, axis=0) for own in zip(*seen, strict=True)])

    return train


def decaying(every: int) -> Callable[[Any], Any]:
    return lambda own: own.ExponentialDecay(RATE, every, 0.5, staircase=True)


def of(spec: str, what: str, keras: tuple, torch: tuple, rung: str = "training") -> Mixup:
    """Return a mix-up of torch's loop, which stands for both sides; what `keras` has is compiled."""
    return crossed(pair, spec, what, rung, keras, torch)


PLAIN, BARE = keras_compiled(), keras_compiled(momentum=0.0)

LOOPS = (
    of(
        "loop: zero_grad",
        "gradients that nobody clears",
        (PLAIN,),
        (
            torch_loop(),
            torch_loop(clears=False),
            r"torch adds the gradients of all batches up, as zero_grad\(\) is missing",
        ),
    ),
    of(
        "loop: clipping",
        "clipping behind the step",
        (
            keras_compiled(clipvalue=LIMIT, momentum=0.0),
            keras_compiled(momentum=0.0),
            "torch clips gradients by value",
        ),
        (
            torch_loop(clips="before", momentum=0.0),
            torch_loop(clips="behind", momentum=0.0),
            "Keras clips gradients by value to 0.05 in front of its steps",
        ),
    ),
    of(
        "loop: accumulation",
        "a loss that is not divided",
        (
            keras_compiled(gradient_accumulation_steps=EVERY, momentum=0.0),
            keras_compiled(RATE * 2, gradient_accumulation_steps=EVERY, momentum=0.0),
            "the learning rate is 0.2 in Keras and 0.1 in torch",
        ),
        (
            torch_loop(every=EVERY, momentum=0.0),
            torch_loop(every=EVERY, divided=False, momentum=0.0),
            "2 times as large in torch",
        ),
    ),
    of(
        "loop: schedule",
        "a scheduler that steps behind batches, not epochs",
        (
            keras_compiled(decaying(5), momentum=0.0),
            keras_compiled(decaying(1), momentum=0.0),
            "goes on every 5 steps in torch",
        ),
        (torch_loop(decays=5, momentum=0.0), torch_loop(decays=1, momentum=0.0), "goes on every 5 steps in Keras"),
    ),
    of(
        "loop: loss",
        "a sum in place of a mean",
        (keras_compiled(momentum=0.0), keras_compiled(momentum=0.0, reduction="sum"), "Keras' loss is torch's times"),
        (torch_loop(momentum=0.0), torch_loop(summed=True, momentum=0.0), "torch sums over the 8 examples of a batch"),
        "gradients",
    ),
    of(
        "loop: optimizer",
        "momentum on one side",
        (PLAIN, keras_compiled(momentum=0.0), "momentum is 0 in Keras and 0.9 in torch"),
        (torch_loop(), torch_loop(momentum=0.0), "momentum is 0.9 in Keras and 0 in torch"),
    ),
    mixup(
        "Plateau",
        "patience, which counts one epoch more in torch",
        "training",
        pair(BARE, torch_plateau(1), keras_plateau(2)),
        (pair(BARE, torch_plateau(1), keras_plateau(1)), "the learning rates follow other schedules"),
        (pair(BARE, torch_plateau(2), keras_plateau(2)), "the learning rates follow other schedules"),
    ),
    mixup(
        "SWA",
        "from which step on weights are averaged, and whether they are left",
        "training",
        pair(BARE, torch_swa(5), keras_swa(5)),
        (pair(BARE, torch_swa(5)), "at the end Keras has the weights of the last step, torch the mean"),
        (pair(BARE, torch_swa(6), keras_swa(5)), "behind every 3 steps from step 5 on, torch .* from step 6 on"),
    ),
)
