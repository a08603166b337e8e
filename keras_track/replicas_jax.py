"""Replicas of Keras on JAX: devices of one process, among which a batch lies; the program is that of one device.

XLA computes what the program says of the whole batch, wherever its rows lie: batch normalisation takes the statistics
of all of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jax
import keras
from keras.distribution import DataParallel, TensorLayout

from twotrack.keras_track.replicas import Fed, Training, require_on
from twotrack.shared.spec.replicas import Replicas

if TYPE_CHECKING:
    from twotrack.keras_track.track_model import KerasModel


class _SharedOut(DataParallel):
    """Keras' data parallelism, which also takes batches that do not divide: these lie whole on every device."""

    def __init__(self, replicas: Replicas):
        devices = [f"{one.platform}:{one.id}" for one in jax.devices()[: replicas.count]]
        super().__init__(devices=devices, auto_shard_dataset=False)
        self._replicas = replicas

    def get_data_layout(self, data_shape: Sequence[int]) -> Any:
        """Return where the rows of an array lie."""
        divides = bool(data_shape) and data_shape[0] % self._replicas.count == 0
        if divides and self._replicas.sharing == "rows":
            return super().get_data_layout(data_shape)
        return TensorLayout([None] * len(data_shape), self.device_mesh)


class _OnDevices(Training):
    """Keras does it by itself."""

    def __init__(self, replicas: Replicas):
        self._layout, self._count = _SharedOut(replicas), replicas.count

    def enter(self) -> None:
        """Let variables and batches lie on the devices."""
        keras.distribution.set_distribution(self._layout)

    def leave(self) -> None:
        """Let them lie on the first one."""
        keras.distribution.set_distribution(None)

    def train_on_batch(self, model: "KerasModel", x: Any, fed: Fed, rows: int) -> float:
        """Update the weights once; return the loss."""
        weights = model.model.trainable_variables
        require_on(len(weights[0].value.sharding.device_set) if weights else self._count, self._count)
        return float(model.model.train_on_batch(x, **fed, return_dict=True)["loss"])


@contextmanager
def opened(replicas: Replicas) -> Iterator[Training]:
    """Let batches lie on several devices inside the block."""
    training = _OnDevices(replicas)
    try:
        yield training
    finally:
        training.leave()
