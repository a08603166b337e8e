"""What is seen of the optimizer with which a training function of the user's own, or a compiled model, steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import keras

from twotrack.keras_track.updates import settings
from twotrack.keras_track.weights import name_table
from twotrack.shared.spec.loop import LoopNotes, constant_or_all


class Watch:
    """Notes what an optimizer states, and the learning rate of each of its steps."""

    def __init__(self, model: keras.Model):
        self.notes, self._model = LoopNotes(), model
        self._optimizer: keras.optimizers.Optimizer | None = None

    def begin_batch(self) -> None:
        """Look at the optimizer of a compiled model in front of a step, which may be code that nothing sees."""
        optimizer = getattr(self._model, "optimizer", None)
        if optimizer is not None:
            self.see(optimizer)

    def end_batch(self) -> None:
        """Look whether the model was compiled anew in front of the step of this batch."""
        optimizer = getattr(self._model, "optimizer", None)
        if optimizer is None or optimizer is self._optimizer or not int(optimizer.iterations):
            return
        self.notes.begun.append(len(self.notes.rates) - 1)
        self._optimizer = optimizer

    def see(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Note the rate of the step that comes, and at first the settings."""
        try:
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        except Exception:  # inside of compiled code it is no number
            return
        if not self.notes.rates:
            self._state(optimizer)
        if optimizer is not self._optimizer:
            self.notes.begun.append(len(self.notes.rates))
        self._optimizer = optimizer
        self.notes.rates.append(rate)

    def _state(self, optimizer: keras.optimizers.Optimizer) -> None:
        by_weight = settings(optimizer, name_table(self._model))
        stated = next(iter(by_weight.values()), {"method": ""})
        self.notes.method = stated["method"]
        if not self.notes.method:
            self.notes.method = type(optimizer).__name__
            stated = stated | optimizer.get_config()
        numbers = {name: value for name, value in stated.items() if isinstance(value, int | float)}
        self.notes.settings |= {name: float(value) for name, value in numbers.items()}
        self.notes.rules |= {name: own for name, own in by_weight.items() if own["method"]}

    def end(self) -> None:
        """Tell the rates of all steps with the settings of each weight."""
        for own in self.notes.rules.values():
            own["rate"] = constant_or_all(self.notes.rates)


@contextmanager
def watched(model: keras.Model) -> Iterator[Watch]:
    """Watch the optimizers that step inside the block."""
    watch, owner = Watch(model), keras.optimizers.Optimizer
    apply: Callable[..., Any] = owner.apply

    def seen(self: keras.optimizers.Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self is not getattr(model, "optimizer", None):
            watch.see(self)
        return apply(self, *args, **kwargs)

    with patch.object(owner, "apply", seen):
        yield watch
    watch.end()
