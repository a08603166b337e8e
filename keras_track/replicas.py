"""Keras models on several replicas: what a block has to set up for the backend, and how a batch is trained on."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import keras
from keras.src.trainers.data_adapters import data_adapter_utils

from twotrack.shared.spec.draws import DrawSource
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.replicas import Replicas, Seat
from twotrack.shared.spec.track import TrackModel

if TYPE_CHECKING:
    from twotrack.keras_track.track_model import KerasModel

Fed = Mapping[str, Any]
"""What train_on_batch takes beside the inputs."""


class Training(ABC):
    """How models of a block do their training steps."""

    def scope(self) -> AbstractContextManager[None]:
        """Return a block in which models and optimizers are made."""
        return nullcontext()

    def judging(self, network: keras.Model) -> AbstractContextManager[None]:
        """Return a block in which a model predicts, once."""
        return nullcontext()

    def leave(self) -> None:  # noqa: B027 - most have nothing to put back
        """Put back what `enter` set, before Keras forgets it with its session."""

    def enter(self) -> None:  # noqa: B027
        """Let what is built from now on be on the replicas."""

    def require(self, optimizer: Optimizer) -> None:  # noqa: B027
        """Raise UserError for an optimizer that the replicas cannot do."""

    @abstractmethod
    def train_on_batch(self, model: "KerasModel", x: Any, fed: Fed, rows: int) -> float:
        """Update the weights once; return the loss of the batch of so many rows, before the update."""

    def draws(self, source: DrawSource, rows: int) -> DrawSource:
        """Return where the replicas' draws for a batch of so many rows come from: one program draws for all."""
        return source


def batch_of(x: Any, fed: Fed) -> tuple[Any, ...]:
    """Return inputs, targets and weights of rows, as far as there are any, as a training step of Keras takes them."""
    weights = fed.get("sample_weight")
    if "class_weight" in fed:
        weights = data_adapter_utils.class_weight_to_sample_weights(fed["y"], fed["class_weight"])
    return (x, fed["y"]) if weights is None else (x, fed["y"], weights)


def require_on(found: int, count: int) -> None:
    """Raise RuntimeError unless a model is on so many replicas: on one it would agree with one, and prove nothing."""
    if found != count:
        raise RuntimeError(f"expected the model on {count} replicas, found it on {found}; it was built elsewhere")


def opened(replicas: Replicas, device: str) -> AbstractContextManager[Training]:
    """Return the block of the backend in use."""
    name = keras.backend.backend()
    if name == "jax":
        from twotrack.keras_track import replicas_jax

        return replicas_jax.opened(replicas)
    if name == "tensorflow":
        from twotrack.keras_track import replicas_tensorflow

        return replicas_tensorflow.opened(replicas, device)
    from twotrack.keras_track import replicas_torch

    return replicas_torch.opened(replicas, device)


def follow(model: TrackModel, seat: Seat, device: str) -> None:
    """Let a model help the leader's, on PyTorch, whose replicas are processes."""
    from twotrack.keras_track import replicas_torch

    replicas_torch.follow(model, seat, device)
