"""What two replicas of torch's DistributedDataParallel do: processes, of which this one is the first.

All entries are measured by one pair of processes, the second of which does the same as the first.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured, Value
from twotrack.shared.spec.replicas import Replicas, Seat
from twotrack.shared.workers.processes import Worker
from twotrack.shared.workers.task import task
from twotrack.shared.workers.team import Led, Team
from twotrack.torch_track.defaults.registry import DEFAULTS


@DEFAULTS.measures
def replica_batch_statistics() -> Measured:
    """BatchNorm in training."""
    return _of("normalises its own share")


@DEFAULTS.measures
def replica_running_statistics() -> Measured:
    """Running mean of BatchNorm that keeps the last batch's alone."""
    return _of("running mean")


@DEFAULTS.measures
def replica_unequal_shares() -> Measured:
    """Gradient of a mean loss over shares of 2 and 1 examples."""
    return _of("gradient of shares of 2 and 1")


@DEFAULTS.measures
def replica_scalar_loss() -> Measured:
    """Gradient of a mean loss that is 1 on every replica."""
    return _of("gradient of a mean of 1")


@DEFAULTS.measures
def replica_last_batch() -> Measured:
    """DistributedSampler over 7 examples."""
    return _of("examples seen of 7")


@DEFAULTS.measures
def replica_clipping() -> Measured:
    """clip_grad_value_, behind the backward pass as it has to be."""
    return _of("clips")


@DEFAULTS.measures
def replica_dropout() -> Measured:
    """Dropout in processes that were seeded alike."""
    return _of("one mask for all, from one seed")


@DEFAULTS.measures
def synchronised_batch_norm() -> Measured:
    """SyncBatchNorm on a CPU."""
    return _of("statistics of the whole batch")


def _of(label: str) -> Measured:
    return Measured({label: _facts()[label]})


@cache
def _facts() -> Mapping[str, Value]:
    """Return what both processes found, which is the same."""
    with Led(Replicas(2, _second), "cpu") as led:
        led.meet()
        return _measured(led.team)


def _second(seat: Seat) -> None:
    with Worker(None, "cpu", 1) as worker:
        worker.call(second, seat)


@task
def second(seat: Seat) -> None:
    """Be the second replica."""
    team = Team(seat, "cpu")
    team.join()
    _measured(team)
    team.receive()  # that it is over
    team.leave()


def _measured(team: Team) -> dict[str, Value]:
    rank = team.seat.rank
    share = torch.from_numpy(samples.SHARES)[4 * rank : 4 * rank + 4]
    return {
        "normalises its own share": _normalises_own(share),
        "running mean": _running_mean(team, share),
        "gradient of shares of 2 and 1": _gradient(torch.tensor([[1.0], [1.0]] if rank == 0 else [[4.0]])),
        "gradient of a mean of 1": _gradient(torch.ones(2, 1)),
        "examples seen of 7": 2 * len(list(DistributedSampler(range(7), num_replicas=2, rank=rank))),  # type: ignore[arg-type]
        "clips": _clips(torch.tensor([[6.0]] if rank == 0 else [[-2.0]])),
        "one mask for all, from one seed": _one_mask(team),
        "statistics of the whole batch": _synchronised(share),
    }


def _normalises_own(share: Tensor) -> bool:
    outputs = DistributedDataParallel(nn.BatchNorm1d(2))(share)
    return torch.allclose(outputs.mean(0), torch.zeros(2), atol=1e-6)


def _running_mean(team: Team, share: Tensor) -> str:
    """Say whose running mean the second replica has once it has been given the first one's buffers."""
    layer = nn.BatchNorm1d(2, momentum=1.0)
    replicated = DistributedDataParallel(layer)
    replicated(share)
    replicated.eval()(share)
    mean = layer.get_buffer("running_mean").clone()
    team.spread([mean], root=1)
    return _whose(mean)


def _whose(mean: Tensor) -> str:
    whole = torch.from_numpy(samples.SHARES)
    means = {"the first replica's": whole[:4].mean(0), "the mean of the replicas'": whole.mean(0)}
    return next((name for name, one in means.items() if torch.allclose(mean, one, atol=1e-6)), "another")


def _linear() -> tuple[nn.Linear, DistributedDataParallel]:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    return layer, DistributedDataParallel(layer)


def _gradient(share: Tensor) -> float:
    layer, replicated = _linear()
    replicated(share).mean().backward()
    return float(_grad(layer))


def _clips(share: Tensor) -> str:
    layer, replicated = _linear()
    replicated(share).mean().backward()
    nn.utils.clip_grad_value_(layer.parameters(), 1.0)
    return {1.0: "the mean gradient", 0.0: "each replica's gradient"}[float(_grad(layer))]


def _grad(layer: nn.Linear) -> Any:
    return layer.weight.grad


def _one_mask(team: Team) -> bool:
    torch.manual_seed(0)
    mask = nn.functional.dropout(torch.ones(64))
    other = mask.clone()
    team.spread([other])
    same = team.mean(torch.tensor(float(torch.equal(mask, other))))
    return bool(same == 1)


def _synchronised(share: Tensor) -> str:
    try:
        outputs = DistributedDataParallel(nn.SyncBatchNorm(2))(share)
    except ValueError:
        return "refused on a CPU"
    return "refused" if torch.allclose(outputs.mean(0), torch.zeros(2), atol=1e-6) else "taken"
