"""Replicas of Keras on TensorFlow: devices of one process under MirroredStrategy, each with a copy of the weights.

Keras multiplies the mean loss of each replica by 1 / replicas and adds the gradients up. That is the whole batch's
mean only where all shares are equally long; here the factor is the share's part of the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import keras
import tensorflow
from keras.src import backend
from keras.src.losses import loss as loss_module

from twotrack.keras_track.primitives import replaced
from twotrack.keras_track.replicas import Fed, Training, batch_of, require_on
from twotrack.shared.errors import UserError
from twotrack.shared.spec.draws import Base, DrawsOfShare, DrawSource, DrawsWithin
from twotrack.shared.spec.optimizers import Optimizer, Sophia
from twotrack.shared.spec.replicas import Replicas, Share
from twotrack.shared.spec.update_options import EMA

if TYPE_CHECKING:
    import numpy as np

    from twotrack.keras_track.track_model import KerasModel

_SEEDS = 2**16
"""Between the seeds of two replicas."""
_FIRST = 2**20
"""Number of the first draw of the second replica, and so on: more than a pass draws."""


@contextmanager
def opened(replicas: Replicas, device: str) -> Iterator[Training]:
    """Let models be built inside the block that have a copy on every replica."""
    yield _Mirrored(replicas, _strategy("GPU" if device == "cuda" else "CPU", replicas.count))


@cache
def _strategy(kind: str, count: int) -> Any:
    """Return the process's only strategy for so many devices: exchanges of another one would get the same numbers."""
    return tensorflow.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)])


class _Mirrored(Training):
    """Runs Keras' training step on every replica, with its share."""

    def __init__(self, replicas: Replicas, strategy: Any):
        self._replicas, self._strategy = replicas, strategy
        self._parts: dict[int, Any] = {}
        """Of the batch's rows, by replica, while a step is traced."""

    def scope(self) -> AbstractContextManager[None]:
        """Return a block that makes variables with a copy on every replica."""
        return self._strategy.scope()

    def require(self, optimizer: Optimizer) -> None:
        """Raise UserError for what a step under MirroredStrategy cannot hold."""
        if isinstance(optimizer, Sophia):
            raise UserError(
                "--replicas: Sophia's curvature is not shared out on track 'keras:tensorflow'; use another track or "
                "another optimizer."
            )
        if isinstance(optimizer.average, EMA) and optimizer.average.overwrite_every:
            raise UserError(
                "--replicas: on track 'keras:tensorflow' averages cannot be written over the weights within a step; "
                "leave out EMA's overwrite_every, or use another track."
            )

    @contextmanager
    def judging(self, network: keras.Model) -> Iterator[None]:
        """Let a model predict on one replica: on all, each would predict the whole batch."""
        strategy, network._distribute_strategy = network._distribute_strategy, None
        try:
            yield
        finally:
            network._distribute_strategy = strategy

    def train_on_batch(self, model: "KerasModel", x: Any, fed: Fed, rows: int) -> float:
        """Update the weights once; return the loss."""
        network, parts = model.model, self._replicas.shares(rows)
        require_on(network.distribute_strategy.num_replicas_in_sync, self._replicas.count)
        if network.train_function is None:
            for layer in network._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized |= self._replicas.synchronised  # a layer of the user's own may ask for it
            network.train_function = network._make_function(self._step_of(network))
        network.reset_metrics()
        shared = self._strategy.experimental_distribute_values_from_function(
            lambda context: _rows(batch_of(x, fed), parts[context.replica_id_in_sync_group])
        )
        with ExitStack() as stack:  # which replica is traced changes wherever they exchange anything
            self._weigh(network.optimizer, stack)
            replaced(stack, backend.random, "draw_seed", _apart(backend.random.draw_seed))
            if self._replicas.clips_mean:
                _reduce_first(network, stack)
            network.train_function(iter([shared]))
        return float(network._loss_tracker.result())

    def draws(self, source: DrawSource, rows: int) -> DrawSource:
        """Return a source that tells replicas apart; a step that is traced keeps it, for batches of one size."""
        return DrawsOfReplicas(source, self._replicas.shares(rows), rows)

    def _step_of(self, network: Any) -> Any:
        """Return the network's training step, in which a mean loss counts as its replica's share says."""

        def step(data: Any) -> Any:
            rows = tensorflow.shape(keras.tree.flatten(data)[0])[0]
            own = tensorflow.cast(rows, keras.config.floatx())
            total = tensorflow.distribute.get_replica_context().all_reduce("SUM", own)
            self._parts[_replica()] = own / total if self._replicas.reduction != "sum" else tensorflow.ones_like(own)
            return network.train_step(data)

        return step

    def _weigh(self, optimizer: Any, stack: ExitStack) -> None:
        """Let each replica's loss count by its part: where Keras divides one by the replicas, or whatever it is."""
        if self._replicas.reduction == "scalar":
            scale = optimizer.scale_loss
            replaced(stack, optimizer, "scale_loss", lambda loss: self._scaled(scale(loss)))
        scaled, unscaled = (_same, _same) if self._replicas.reduction == "scalar" else (self._scaled, self._unscaled)
        replaced(stack, loss_module, "scale_loss_for_distribution", scaled)
        replaced(stack, loss_module, "unscale_loss_for_distribution", unscaled)

    def _scaled(self, value: Any) -> Any:
        return value * tensorflow.cast(self._parts[_replica()], value.dtype)

    def _unscaled(self, value: Any) -> Any:
        return value / tensorflow.cast(self._parts[_replica()], value.dtype)


def _same(value: Any) -> Any:
    return value


def _apart(draw_seed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what draws another seed on every replica: all have a copy of one state, and would drop the same."""

    def drawn(seed: Any) -> Any:
        own = tensorflow.convert_to_tensor(draw_seed(seed))
        return own + tensorflow.constant([0, _SEEDS * _replica()], own.dtype)

    return drawn


def _reduce_first(network: Any, stack: ExitStack) -> None:
    """Let the optimizer add the replicas' gradients up before it clips them, which Keras does behind that."""
    optimizer, apply, add_up = network.optimizer, network.optimizer.apply, network.optimizer._all_reduce_sum_gradients

    def applied(gradients: Sequence[Any], variables: Sequence[Any] | None = None) -> Any:
        own = network.trainable_variables if variables is None else variables
        return apply([gradient for gradient, _ in add_up(zip(gradients, own, strict=True))], own)

    replaced(stack, optimizer, "apply", applied)
    replaced(stack, optimizer, "_all_reduce_sum_gradients", list)


def _rows(data: Any, share: Share) -> Any:
    return keras.tree.map_structure(lambda array: tensorflow.convert_to_tensor(array[share.rows]), data)


class DrawsOfReplicas(DrawsWithin):
    """What each replica draws, whose passes are traced side by side in one process."""

    def __init__(self, source: DrawSource, parts: list[Share], rows: int):
        super().__init__(source)
        self._own = [DrawsOfShare(source, share, rows) for share in parts]

    def begin_pass(self) -> None:
        """Count the draws of the replica that is traced from 0 again."""
        self._own[_replica()].begin_pass()

    def count(self) -> int:
        """Return a number that tells replica and draw."""
        return _FIRST * _replica() + self._own[_replica()].count()

    def numbers(self, base: Base, shape: tuple[int, ...], number: int, state: bytes = b"") -> "np.ndarray":
        """Return the numbers of a replica's share."""
        replica, own = divmod(number, _FIRST)
        return self._own[replica].numbers(base, shape, own, state)


def _replica() -> int:
    """Return the number of the replica that is traced."""
    context = tensorflow.distribute.get_replica_context()
    return int(context._replica_id_in_sync_group) if context else 0  # the public property is a tensor in a graph
