"""Replicas of Keras on PyTorch: processes, as torch's own; Keras has no distribution of its own there.

Each process computes the gradients of its share's loss, times the share's weight, by Keras' own training step; in the
place of an update they are averaged over the processes. The leader alone updates, and all get its variables before the
next step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from zlib import crc32

import keras
import numpy as np
import torch
from torch.distributed.nn.functional import all_reduce

from twotrack.keras_track.draws import drawn_from
from twotrack.keras_track.primitives import replaced
from twotrack.keras_track.replicas import Fed, Training, batch_of
from twotrack.keras_track.track_model import KerasModel, as_keras
from twotrack.shared.spec.draws import DrawsOfShare, DrawSource, SharedDraws
from twotrack.shared.spec.optimizers import SGD
from twotrack.shared.spec.replicas import Replicas, Seat, Share
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.workers.team import Led, Message, Team


class _Member:
    """A model as one of the replicas that train it."""

    def __init__(self, model: KerasModel, team: Team):
        self.model, self.team = model, team

    def step(self, data: Sequence[Any], share: Share) -> float:
        """Do Keras' training step on a share, up to the update, which the leader alone does; return the whole loss."""
        network = self.model.model
        with ExitStack() as stack:
            optimizer, scale = network.optimizer, network.optimizer.scale_loss
            replaced(stack, optimizer, "apply", self._averaging(optimizer.apply))
            # In front of the backward pass: statistics of all replicas lead from one's loss to another's inputs.
            replaced(stack, optimizer, "scale_loss", lambda loss: scale(loss) * share.weight)
            if self.team.seat.synchronised:
                layer = keras.layers.BatchNormalization
                replaced(stack, layer, "_moments", _over_all(layer._moments, self.team.statistics))
            network.reset_metrics()
            loss = network.train_on_batch(*data, return_dict=True)["loss"]
        return float(self.team.mean(torch.tensor(float(loss) * share.weight, dtype=torch.float64)))

    def spread(self) -> None:
        """Take the leader's variables, but for the seeds of random numbers, which are the replica's own."""
        seeds = {id(state) for state in _seeds(self.model.model)}
        self.team.spread([one.value for one in self.model.model.variables if id(one) not in seeds])

    def _averaging(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        def averaged(gradients: Sequence[Any], variables: Sequence[Any] | None = None) -> None:
            means = [one if one is None else self.team.mean(one) for one in gradients]
            if self.team.seat.rank == 0:
                apply(means, variables)

        return averaged


class _Leader(Training):
    """Shares each batch out."""

    def __init__(self, led: Led):
        self._led = led

    def train_on_batch(self, model: KerasModel, x: Any, fed: Fed, rows: int) -> float:
        """Update the weights once; return the loss."""
        self._led.meet()
        team, data = self._led.team, batch_of(x, fed)
        member, parts = _Member(model, team), team.seat.shares(rows)
        orders = {"part": model.part, "rows": rows, "trained": sorted(model.trainable_names())}
        if isinstance(model.draws, SharedDraws):
            orders["step"] = model.draws.step
        for rank, share in list(enumerate(parts))[1:]:
            leaves: list[np.ndarray] = []
            form = keras.tree.map_structure(partial(_numbered, leaves, share), data)
            told = {"share": vars(share), "seed": _seed(model, rank), "form": list(form)}
            team.send(rank, Message(orders | told, {str(number): leaf for number, leaf in enumerate(leaves)}))
        member.spread()
        return member.step(keras.tree.map_structure(lambda array: array[parts[0].rows], data), parts[0])

    def draws(self, source: DrawSource, rows: int) -> DrawSource:
        """Return the leader's part of the draws."""
        return DrawsOfShare(source, self._led.team.seat.shares(rows)[0], rows)


def _seed(model: KerasModel, rank: int) -> int:
    """Return what a replica draws from in a step: another number for each, which the leader's state decides."""
    state = torch.get_rng_state().numpy().tobytes()
    return crc32(state, int(model.model.optimizer.iterations) + rank * 2**20)


def _numbered(leaves: list[np.ndarray], share: Share, array: Any) -> int:
    """Keep a share's rows of an array; return its number."""
    leaves.append(np.asarray(array)[share.rows])
    return len(leaves) - 1


@contextmanager
def opened(replicas: Replicas, device: str) -> Iterator[Training]:
    """Start the other processes; they end with the block."""
    with Led(replicas, device) as led:
        yield _Leader(led)


def follow(model: TrackModel, seat: Seat, device: str) -> None:
    """Join the team of a seat, and help with every step."""
    team = Team(seat, device)
    team.join()
    models = {"": as_keras(model)}
    trained: dict[str, list[str]] = {}
    while not (message := team.receive()).orders.get("end"):
        orders, part = message.orders, str(message.orders["part"])
        if part not in models:
            models[part] = models[""].head()
        if trained.get(part) != orders["trained"]:
            trained[part] = orders["trained"]
            models[part].freeze(set(trained[part]))
            models[part].compile(SGD(learning_rate=0.0), [0.0])  # the leader alone updates
        _help(_Member(models[part], team), message)
    team.leave()


def _help(member: _Member, message: Message) -> None:
    model, orders, share = member.model, message.orders, Share(**message.orders["share"])
    member.spread()
    model.reseed(int(orders["seed"]))
    data = keras.tree.map_structure(lambda number: message.arrays[str(number)], orders["form"])
    if isinstance(model.draws, SharedDraws):
        model.draws.restart(int(orders["step"]))
    draws = model.draws and DrawsOfShare(model.draws, share, int(orders["rows"]))
    with drawn_from(model.model, draws):
        member.step(data, share)


def _seeds(network: keras.Model) -> list[keras.Variable]:
    """Return the states of the layers' random generators."""
    found = (getattr(layer, "seed_generator", None) for layer in network._flatten_layers())
    return [generator.state for generator in found if generator is not None]


def _over_all(alone: Callable[..., Any], group: Any) -> Callable[..., Any]:
    """Return the moments of a BatchNormalization over the batches of all replicas; under a mask each takes its own."""

    def moments(layer: Any, inputs: Any, mask: Any) -> Any:
        if mask is not None:
            return alone(layer, inputs, mask)
        axes = list(layer._reduction_axes)
        count = all_reduce(torch.tensor(float(np.prod([inputs.shape[axis] for axis in axes]))), group=group)
        mean = all_reduce(inputs.sum(axes), group=group) / count
        form = [1 if axis in axes else size for axis, size in enumerate(inputs.shape)]
        variance = all_reduce(((inputs - mean.reshape(form)) ** 2).sum(axes), group=group) / count
        return mean, variance

    return moments
