"""Batches by the group: what is the same on every backend that does several steps in one dispatch."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from twotrack.keras_track.track_model import KerasModel
    from twotrack.shared.spec.loop import LoopBatch

TOGETHER = 16
"""Steps: more make a dispatch no cheaper that could be measured."""


class SeveralSteps(ABC):
    """Trains one model, at most `TOGETHER` steps in a dispatch. The step itself is Keras' own."""

    def __init__(self, model: keras.Model):
        self._model = model
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """Compile anew before the next step, as the optimizer is another one."""

    @abstractmethod
    def together(self, batches: Any, count: int) -> np.ndarray:
        """Do the first `count` of TOGETHER steps on batches (step, batch, ...); return the losses (step,)."""

    def train(self, model: "KerasModel", batches: "Iterable[LoopBatch]") -> Iterator[float]:
        """Do a step on each batch, all of one size; yield its loss before the update."""
        left = iter(batches)
        while group := list(islice(left, TOGETHER)):
            stacked = _stacked(
                [(model.arranged(one.inputs), *model.fed(one.inputs, one.targets).values()) for one in group]
            )
            yield from self.together(stacked, len(group))[: len(group)].tolist()


def _stacked(group: Sequence[Any]) -> Any:
    """Return one batch of batches, always TOGETHER of them: one program for every number of steps."""
    full = [*group, *[group[-1]] * (TOGETHER - len(group))]
    return keras.tree.map_structure(lambda *arrays: np.stack(arrays), *full)
