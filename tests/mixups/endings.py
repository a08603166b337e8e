"""What is left at the end of a training, and when that is: early stopping, checkpoints, moving averages."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.mixups.loops import BARE, EPOCH, RATE, Loop, pair
from tests.mixups.mixup import Mixup, crossed
from twotrack import Pair

VALIDATION = (1.0, 0.8, 0.85, 0.7, 0.72, 0.71, 0.7, 0.74, 0.75, 0.76)
"""The loss on validation data behind every epoch; the same on both sides, as this is about what follows from it."""


@dataclass(frozen=True)
class Stop:
    """How a training function stops, and what it keeps."""

    patience: int = 2
    min_delta: float = 0.0
    counts_equal: bool = False
    """An epoch that is as good as the best is the new best."""
    ends: bool = True
    """It stops at all: else it goes on to the end, and keeps the best as a checkpoint does."""
    restores: bool = True
    copies: bool = True
    """What is kept are copies of weights, and not the weights themselves, which go on."""


class Following:
    """The best epoch so far."""

    def __init__(self, rule: Stop):
        self._rule, self._best, self._waited, self._epoch = rule, float("inf"), 0, 0

    def is_best(self) -> bool:
        """Look at the next epoch; tell whether it is the best so far."""
        loss, rule = VALIDATION[self._epoch], self._rule
        self._epoch += 1
        better = loss <= self._best - rule.min_delta if rule.counts_equal else loss < self._best - rule.min_delta
        self._best, self._waited = (loss, 0) if better else (self._best, self._waited + 1)
        return better

    @property
    def is_over(self) -> bool:
        """Whether the training ends here."""
        return self._rule.ends and self._waited >= self._rule.patience


def torch_stopping(rule: Stop) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer, follow, kept = torch.optim.SGD(model.parameters(), lr=RATE), Following(rule), None
        for number, (x, y) in enumerate(batches, start=1):
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            optimizer.step()
            if number % EPOCH == 0:
                if follow.is_best():
                    kept = deepcopy(model.state_dict()) if rule.copies else model.state_dict()
                if follow.is_over:
                    break
        if rule.restores:
            model.load_state_dict(kept)

    return train


def keras_stopping(rule: Stop) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        follow, kept = Following(rule), None
        for number, (x, y) in enumerate(batches, start=1):
            record(model.train_on_batch(x, y))
            if number % EPOCH == 0:
                if follow.is_best():
                    kept = model.get_weights()
                if follow.is_over:
                    break
        if rule.restores:
            model.set_weights(kept)

    return train


# === Moving averages ===

KEPT = 0.9


def torch_moving(begins_at_start: bool) -> Loop:
    """Return a loop that leaves torch's own moving average, which begins with what it sees first."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f
        from torch.optim import swa_utils

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        averaged = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(KEPT))
        if begins_at_start:
            averaged.update_parameters(model)
        for x, y in batches:
            optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            optimizer.step()
            averaged.update_parameters(model)
        model.load_state_dict(averaged.module.state_dict())

    return train


def keras_moving(begins_at_start: bool) -> Loop:
    def train(model: Any, batches: Any, record: Any) -> None:
        average = model.get_weights() if begins_at_start else None
        for x, y in batches:
            record(model.train_on_batch(x, y))
            own = model.get_weights()
            pairs = zip(average or own, own, strict=True)
            average = [KEPT * before + (1 - KEPT) * now for before, now in pairs]
        model.set_weights(average)

    return train


def ending(
    spec: str, what: str, make: tuple[Callable[[Any], Loop], Callable[[Any], Loop]], right: Any, keras: Any, torch: Any
) -> Mixup:
    """Return a mix-up of what two functions do at the end; `keras` and `torch` are a wrong rule and what is said."""
    in_keras, in_torch = make

    def ended(rule: Any, other: Any) -> Pair:
        return pair(BARE, in_torch(other), in_keras(rule))

    return crossed(ended, spec, what, "training", (right, *(keras or ())), (right, *torch))


STOPPING, MOVING = (keras_stopping, torch_stopping), (keras_moving, torch_moving)
RIGHT, CHECKPOINT = Stop(), Stop(ends=False)

ENDINGS = (
    ending(
        "EarlyStopping: patience",
        "an epoch more or less to wait",
        STOPPING,
        RIGHT,
        (Stop(patience=1), "Keras' training function ended behind step 6, torch's behind step 12"),
        (Stop(patience=1), "Keras' training function ended behind step 12, torch's behind step 6"),
    ),
    ending(
        "EarlyStopping: min_delta",
        "by how much an epoch must be better",
        STOPPING,
        RIGHT,
        (Stop(min_delta=0.15), "Keras' training function ended behind step 8, torch's behind step 12"),
        (Stop(min_delta=0.15), "Keras' training function ended behind step 12, torch's behind step 8"),
    ),
    ending(
        "EarlyStopping: best",
        "whether the best weights are restored, and copied",
        STOPPING,
        RIGHT,
        (Stop(restores=False), "Keras has the weights of the last step, torch the weights of step 8"),
        (Stop(copies=False), "Keras has the weights of step 8, torch the weights of the last step"),
    ),
    ending(
        "Checkpoint",
        "an epoch that is as good as the best, and weights that nobody copied",
        STOPPING,
        CHECKPOINT,
        (Stop(ends=False, counts_equal=True), "Keras has the weights of step 14, torch the weights of step 8"),
        (Stop(ends=False, copies=False), "Keras has the weights of step 8, torch the weights of the last step"),
    ),
    ending(
        "EMA: start",
        "whether an average begins with the first weights or behind the first step",
        MOVING,
        False,
        (True, "momentum 0.9. that begins with those of the start, torch .* that begins with those of step 1"),
        (True, "momentum 0.9. that begins with those of step 1, torch .* that begins with those of the start"),
    ),
)
