"""Data-parallel training: how a global batch is shared out to replicas, so that together they do the training of one.

The rule: replica i gets the i-th of as many runs of consecutive rows, and its mean loss counts as many times as it has
rows. The mean of the replicas' gradients, each times its weight, is the gradient of the whole batch's mean loss then,
whatever the sizes of the shares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from twotrack.shared.errors import UserError

MOST = 64
"""Replicas on one machine."""
LOGICAL_DEVICES = "TWOTRACK_LOGICAL_DEVICES"
"""Environment variable of a worker: into how many devices TensorFlow divides the processor when it begins."""


@dataclass(frozen=True)
class Share:
    """What one replica gets of a global batch."""

    begin: int
    end: int
    """Rows, 0-based, the last one not included."""
    weight: float
    """Of the mean loss of its rows in the mean over all replicas; the weights of all have the mean 1."""

    @property
    def rows(self) -> slice:
        """Its rows of an array (batch, ...)."""
        return slice(self.begin, self.end)


Reduction = Literal["mean", "sum", "scalar"]
"""Of a batch's loss over its rows; scalar: a mean that Keras does not know for one, as it is a single number."""
Sharing = Literal["rows", "whole"]
"""Each replica gets its rows of a batch, or all of them."""


def shares(rows: int, replicas: int, reduction: Reduction = "mean", sharing: Sharing = "rows") -> list[Share]:
    """Return every replica's share of a batch: consecutive rows, the first shares one longer if it does not divide.

    Of a batch with fewer rows than there are replicas each has all: a share without rows has no mean.
    """
    if rows < replicas or sharing == "whole":
        return [Share(0, rows, 1.0)] * replicas
    size, longer = divmod(rows, replicas)
    cuts = [replica * size + min(replica, longer) for replica in range(replicas + 1)]
    pairs = list(pairwise(cuts))
    weights = [replicas if reduction == "sum" else replicas * (end - begin) / rows for begin, end in pairs]
    return [Share(begin, end, weight) for (begin, end), weight in zip(pairs, weights, strict=True)]


@dataclass(frozen=True)
class Seat:
    """The place of one process among those that train one model."""

    rank: int
    """0 leads: it has the data, the optimizer and all that a run writes."""
    count: int
    meeting: Path
    """File by which the processes find each other."""
    synchronised: bool
    """As Replicas.synchronised."""
    reduction: Reduction
    sharing: Sharing

    def shares(self, rows: int) -> list[Share]:
        """Return every replica's share of a batch of so many rows."""
        return shares(rows, self.count, self.reduction, self.sharing)


@dataclass(frozen=True)
class Replicas:
    """Asks a track for models that train on several replicas."""

    count: int
    follow: Callable[[Seat], None]
    """Builds the same model in a process of its own and lets it follow the leader; returns when it is over.

    For frameworks whose replicas are processes.
    """
    synchronised: bool = True
    """Batch normalisation takes the statistics of the whole batch, as one replica does; else each of its own share,
    as DistributedDataParallel and MirroredStrategy do by themselves."""
    clips_mean: bool = True
    """Gradients are clipped once all replicas' are averaged; else MirroredStrategy clips each replica's own."""
    reduction: Reduction = "mean"
    """What the loss is taken for; `sum` and `scalar` are changes by which a cause is proved."""
    sharing: Sharing = "rows"
    """What is shared out; `whole` is such a change too."""

    def seat(self, rank: int, meeting: Path) -> Seat:
        """Return the place of a process."""
        return Seat(
            rank=rank,
            count=self.count,
            meeting=meeting,
            synchronised=self.synchronised,
            reduction=self.reduction,
            sharing=self.sharing,
        )

    def shares(self, rows: int) -> list[Share]:
        """Return every replica's share of a batch of so many rows."""
        return shares(rows, self.count, self.reduction, self.sharing)


def require_replicas(count: int, batch_size: int | None = None) -> None:
    """Raise UserError for a number of replicas that makes no sense, for batches of so many rows."""
    if count < 1:
        raise UserError(f"--replicas: expected 1 or more, found {count}.")
    if count > MOST:
        raise UserError(f"--replicas: expected at most {MOST} on one machine, found {count}.")
    if batch_size is not None and count > batch_size:
        raise UserError(
            f"--replicas: expected at most the {batch_size} rows of a batch, one for each replica, found {count}."
        )
